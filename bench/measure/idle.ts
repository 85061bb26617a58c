/** The processor time that a VM takes which does nothing. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { processOf } from "../../e2e/harness/processes.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { expectSuccess } from "./exec.ts";

/** After its start a guest has a second or two of its own to do: it writes its new identity out. */
const SETTLE_MS = 10_000;
const OBSERVE_MS = 30_000;
/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** In percent of one core. */
export async function measureIdle({ client, daemon }: Session): Promise<number> {
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  expectSuccess((await client.vms.run(vm, ["true"])).exitCode);
  const { pid } = await processOf(daemon.config.dataDir, vm.id);
  await sleep(SETTLE_MS);
  const [before, startedAt] = [await processorMs(pid), performance.now()];
  await sleep(OBSERVE_MS);
  const spentMs = (await processorMs(pid)) - before;
  const elapsedMs = performance.now() - startedAt;
  await client.vms.delete(vm);
  return (100 * spentMs) / elapsedMs;
}

/** User and system time of all threads. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
