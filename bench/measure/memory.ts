/** What an idle clone costs, alone and among others, and what the daemon that looks after them costs. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Vm } from "fastvm";
import { processOf } from "../../e2e/harness/processes.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { median } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";

const VMS = 20;
const IDLE_MS = 2_000;
const KIB_PER_MIB = 1024;

interface MemoryFigures {
  /** Of a clone among twenty. */
  readonly clonePssMib: number;
  readonly clonePrivateMib: number;
  readonly cloneSharedMib: number;
  /** The first one, before it had siblings. */
  readonly cloneAlonePssMib: number;
  readonly daemonRssMib: number;
}

export async function measureMemory({ client, daemon }: Session): Promise<MemoryFigures> {
  const vms: Vm[] = [];
  const launch = async (): Promise<void> => {
    const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
    vms.push(vm);
    expectSuccess((await client.vms.run(vm, ["true"])).exitCode);
  };
  const memoryOf = async ({ id }: Vm): Promise<ProcessMemory> =>
    await readMemory((await processOf(daemon.config.dataDir, id)).pid);
  await launch();
  await sleep(IDLE_MS);
  const [alone] = await Promise.all(vms.map(memoryOf));
  while (vms.length < VMS) await launch();
  await sleep(IDLE_MS);
  const clones = await Promise.all(vms.map(memoryOf));
  const daemonRssMib = await residentMib(await daemon.pid());
  await Promise.all(vms.map((vm) => client.vms.delete(vm)));
  return {
    clonePssMib: median(clones.map(({ pssMib }) => pssMib)),
    clonePrivateMib: median(clones.map(({ privateMib }) => privateMib)),
    cloneSharedMib: median(clones.map(({ sharedMib }) => sharedMib)),
    cloneAlonePssMib: alone?.pssMib ?? 0,
    daemonRssMib,
  };
}

interface ProcessMemory {
  readonly pssMib: number;
  readonly privateMib: number;
  readonly sharedMib: number;
}

export async function readMemory(pid: number): Promise<ProcessMemory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "latin1");
  return {
    pssMib: fieldMib(text, "Pss"),
    privateMib: fieldMib(text, "Private_Clean") + fieldMib(text, "Private_Dirty"),
    sharedMib: fieldMib(text, "Shared_Clean") + fieldMib(text, "Shared_Dirty"),
  };
}

export async function residentMib(pid: number): Promise<number> {
  return fieldMib(await readFile(`/proc/${pid}/status`, "latin1"), "VmRSS");
}

function fieldMib(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
  if (match === null) throw new Error(`The kernel does not report ${name}`);
  return Number(match[1]) / KIB_PER_MIB;
}
