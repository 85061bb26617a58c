/** Launch against the bare restore, with and without processes spawned ahead. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastvmClient, Vm } from "fastvm";
import type { TestDaemon } from "../../e2e/harness/daemon.ts";
import { processesIn, processOf } from "../../e2e/harness/processes.ts";
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";

const POOL_DEADLINE_MS = 30_000;
const POLL_MS = 20;
/** A process that is listed still has its monitor to open. */
const POOL_READY_MS = 1_500;
/** The kernel frees an ended VM's memory after its process has gone. */
const SETTLE_MS = 100;

interface LaunchSamples {
  readonly floorRestoreMs: readonly number[];
  readonly launchMs: readonly number[];
  readonly launchPoolMs: readonly number[];
}

export async function measureLaunch(session: Session, rounds: number): Promise<LaunchSamples> {
  const samples = {
    floorRestoreMs: [] as number[],
    launchMs: [] as number[],
    launchPoolMs: [] as number[],
  };
  const pooledClient = session.pooled.client;
  // The first round warms every cache and does not count.
  for (let round = 0; round <= rounds; round++) {
    const floorRestoreMs = await restoreOnce(session);
    await sleep(SETTLE_MS);
    const launchMs = await launchOnce(session.client);
    await sleep(SETTLE_MS);
    const launchPoolMs = await launchFromPool(session.pooled, pooledClient);
    await sleep(SETTLE_MS);
    if (round === 0) continue;
    samples.floorRestoreMs.push(floorRestoreMs);
    samples.launchMs.push(launchMs);
    samples.launchPoolMs.push(launchPoolMs);
  }
  return samples;
}

async function restoreOnce(session: Session): Promise<number> {
  await using vm = await floorRestore(session.floor);
  return vm.restoreMs;
}

async function launchOnce(
  client: FastvmClient,
  inspect: (vm: Vm) => Promise<void> = async () => {},
): Promise<number> {
  const startedAt = performance.now();
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const launchMs = performance.now() - startedAt;
  if (vm.status !== "running") throw new Error(`A launched VM is ${vm.status}`);
  await inspect(vm);
  await client.vms.delete(vm);
  return launchMs;
}

export async function launchFromPool(daemon: TestDaemon, client: FastvmClient): Promise<number> {
  const { dataDir } = daemon.config;
  const ready = await pooledProcesses(daemon);
  return await launchOnce(client, async (vm) => {
    const { pid } = await processOf(dataDir, vm.id);
    if (!ready.has(pid)) throw new Error("A launch did not take its process from the full pool");
  });
}

/** Waiting processes and VMs that stand by: as many of each as the pool's size. */
const SPARE_KINDS = 2;

/** The pool's processes, once it is full. */
export async function pooledProcesses(daemon: TestDaemon): Promise<ReadonlySet<number>> {
  const deadline = Date.now() + POOL_DEADLINE_MS;
  while (Date.now() < deadline) {
    const waiting = (await processesIn(daemon.config.dataDir)).filter(({ folder }) =>
      /^(pool|standby)\//.test(folder),
    );
    if (waiting.length === daemon.config.poolSize * SPARE_KINDS) {
      await sleep(POOL_READY_MS);
      return new Set(waiting.map(({ pid }) => pid));
    }
    await sleep(POLL_MS);
  }
  throw new Error(`The pool was not full within ${POOL_DEADLINE_MS} ms`);
}
