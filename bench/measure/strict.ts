/** What `durability: strict` costs a guest that syncs all the time, beside one whose disk ignores flushes, and beside the host itself. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "../../e2e/harness/keeper.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";

const WORK = fileURLToPath(new URL("../floor/sync-work.py", import.meta.url));
const PLACE = "/root";

interface StrictSamples {
  readonly strictSyncMs: readonly number[];
  readonly defaultSyncMs: readonly number[];
  readonly hostSyncMs: readonly number[];
}

/** In turns, so that what else the disk does meets all alike. */
export async function measureStrict({ client, daemon }: Session, rounds: number): Promise<StrictSamples> {
  const strict = await client.vms.launch({ machineType: MACHINE_TYPE, durability: "strict" });
  const relaxed = await client.vms.launch({ machineType: MACHINE_TYPE });
  try {
    const samples = { strictSyncMs: [], defaultSyncMs: [], hostSyncMs: [] } as Record<
      keyof StrictSamples,
      number[]
    >;
    for (let round = 0; round < rounds; round++) {
      samples.strictSyncMs.push(await inGuest(client, strict));
      samples.defaultSyncMs.push(await inGuest(client, relaxed));
      samples.hostSyncMs.push(await onHost(daemon.config.dataDir));
    }
    return samples;
  } finally {
    await Promise.all([strict, relaxed].map((vm) => client.vms.delete(vm)));
  }
}

async function inGuest(client: FastvmClient, vm: Vm): Promise<number> {
  const work = await readFile(WORK, "utf8");
  return Number(await sh(client, vm, `python3 - ${PLACE} <<'END'\n${work}\nEND`));
}

async function onHost(folder: string): Promise<number> {
  return Number((await promisify(execFile)("python3", [WORK, folder])).stdout);
}
