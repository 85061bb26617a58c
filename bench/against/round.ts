/** One round of one side: each figure once, as a client sees it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastvmClient, Vm } from "fastvm";
import { median, timed } from "../statistics.ts";
import type { Side } from "./checkout.ts";

const MACHINE_TYPE = "c1m2";
/** A command takes milliseconds: the middle of many steadies the round. */
const COMMANDS = 10;
const CHILDREN = 3;
/** The kernel frees an ended VM's memory after its process has gone. */
const SETTLE_MS = 150;

export type RoundFigures = Readonly<Record<FigureName, number>>;
export const FIGURE_NAMES = [
  "launch from the pool",
  "launch",
  "exec",
  "snapshot",
  "pause of a snapshot",
  "restore",
  "pause",
  "resume",
  "fork to three",
] as const;
export type FigureName = (typeof FIGURE_NAMES)[number];

export async function measureRound({ bare, pooled }: Side): Promise<RoundFigures> {
  await pooled.rest();
  const launchPoolMs = await launchOnce(pooled.client);
  await sleep(SETTLE_MS);
  const launchMs = await launchOnce(bare.client);
  await sleep(SETTLE_MS);
  const { client } = bare;
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const execMs = await execMany(client, vm);
  const captured = await captureOnce(client, vm);
  const pauseMs = await timed(() => client.vms.pause(vm));
  const resumeMs = await timed(() => client.vms.resume(vm));
  const forkMs = await forkOnce(client, vm);
  await client.vms.delete(vm);
  await sleep(SETTLE_MS);
  return {
    "launch from the pool": launchPoolMs,
    launch: launchMs,
    exec: execMs,
    ...captured,
    pause: pauseMs,
    resume: resumeMs,
    "fork to three": forkMs,
  };
}

async function launchOnce(client: FastvmClient): Promise<number> {
  const startedAt = performance.now();
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const elapsedMs = performance.now() - startedAt;
  await client.vms.delete(vm);
  return elapsedMs;
}

/** The first ones are slower: emulated code is translated as it is met. */
async function execMany(client: FastvmClient, vm: Vm): Promise<number> {
  const samples: number[] = [];
  for (let at = -2; at < COMMANDS; at++) {
    const elapsedMs = await timed(() => client.vms.run(vm, ["true"]));
    if (at >= 0) samples.push(elapsedMs);
  }
  return median(samples);
}

async function captureOnce(
  client: FastvmClient,
  vm: Vm,
): Promise<Pick<RoundFigures, "snapshot" | "pause of a snapshot" | "restore">> {
  const startedAt = performance.now();
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const snapshotMs = performance.now() - startedAt;
  const restoredAt = performance.now();
  const restored = await client.vms.launch({ snapshotId: snapshot.id });
  const restoreMs = performance.now() - restoredAt;
  await client.vms.delete(restored);
  await client.snapshots.delete(snapshot);
  await sleep(SETTLE_MS);
  return { snapshot: snapshotMs, "pause of a snapshot": snapshot.pauseMs ?? NaN, restore: restoreMs };
}

async function forkOnce(client: FastvmClient, vm: Vm): Promise<number> {
  const startedAt = performance.now();
  const { children } = await client.vms.fork(vm, { count: CHILDREN });
  const elapsedMs = performance.now() - startedAt;
  const made = children.flatMap(({ vm: child }) => child ?? []);
  await Promise.all(made.map((child) => client.vms.delete(child)));
  return elapsedMs;
}
