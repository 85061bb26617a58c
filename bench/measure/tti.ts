/**
 * Time to interactive, as the public leaderboards of sandboxes define it: from the call that creates a VM until its first command has
 * answered, through the SDK. One after the other, one every 200 ms, one a second, and many at once; and what a cycle (launch, command,
 * delete, what fills the pool again) costs the processors, beside the same of bare restores.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastvmClient } from "fastvm";
import { floorRestore } from "../floor/restore.ts";
import type { FloorSource } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";
import { pooledProcesses } from "./launch.ts";

const IN_A_ROW = 100;
const STAGGERED = 100;
const STAGGER_MS = 200;
const EACH_SECOND = 15;
const SECOND_MS = 1_000;
const BURST = 60;
/** Fewer give a steady figure. */
const FLOOR_CYCLES = 30;
const COMMAND = ["true"];
/** The kernel frees an ended VM's memory after its process has gone. */
const REST_MS = 2_000;
/** USER_HZ, in which /proc/stat counts. */
const MS_PER_TICK = 10;

interface TtiSamples {
  readonly rowMs: readonly number[];
  readonly staggeredMs: readonly number[];
  readonly secondMs: readonly number[];
  /** What `secondMs` is made of: the answer of the launch, and from there that of the command. */
  readonly secondLaunchMs: readonly number[];
  readonly secondExecMs: readonly number[];
  /** A request that has no work to do, each after a second in which nobody asked: what it costs processes and processors to wake. */
  readonly idleListMs: readonly number[];
  readonly burstMs: readonly number[];
  readonly burstWallMs: number;
  readonly floorBurstWallMs: number;
  /** Of all processors, whoever used them: the machine has to be idle otherwise. */
  readonly cycleCpuMs: number;
  readonly floorCycleCpuMs: number;
}

export async function measureTti({ pooled, floor }: Session): Promise<TtiSamples> {
  const ours = async (): Promise<number> => (await cycle(pooled.client)).elapsedMs;
  const bare = (): Promise<number> => floorCycle(floor);
  const rest = async (): Promise<void> => {
    await sleep(REST_MS);
    await pooledProcesses(pooled);
  };
  await inARow(2, bare);
  const floorCycleCpuMs = (await busyMsDuring(() => inARow(FLOOR_CYCLES, bare))) / FLOOR_CYCLES;
  const floorBurstWallMs = await timed(() => begunEvery(0, BURST, bare));
  await rest();
  let rowMs: readonly number[] = [];
  const usedMs = await busyMsDuring(async () => {
    rowMs = await inARow(IN_A_ROW, ours);
    await rest();
  });
  const staggeredMs = await begunEvery(STAGGER_MS, STAGGERED, ours);
  await rest();
  const second = await begunEvery(SECOND_MS, EACH_SECOND, () => cycle(pooled.client));
  await rest();
  const idleListMs: number[] = [];
  for (let at = 0; at < EACH_SECOND; at++) {
    await sleep(SECOND_MS);
    idleListMs.push(await timed(() => pooled.client.vms.list()));
  }
  const burstMs = await begunEvery(0, BURST, ours);
  const cycleCpuMs = usedMs / IN_A_ROW;
  // All begin at once, so the slowest is the wall.
  const burstWallMs = Math.max(...burstMs);
  return {
    rowMs,
    staggeredMs,
    secondMs: second.map(({ elapsedMs }) => elapsedMs),
    secondLaunchMs: second.map(({ launchMs }) => launchMs),
    secondExecMs: second.map(({ elapsedMs, launchMs }) => elapsedMs - launchMs),
    idleListMs,
    burstMs,
    burstWallMs,
    floorBurstWallMs,
    cycleCpuMs,
    floorCycleCpuMs,
  };
}

interface Cycle {
  /** Until the VM was there. */
  readonly launchMs: number;
  /** Until its first command has answered. */
  readonly elapsedMs: number;
}

/** Resolves when the VM is gone. */
async function cycle(client: FastvmClient): Promise<Cycle> {
  const startedAt = performance.now();
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const launchMs = performance.now() - startedAt;
  expectSuccess((await client.vms.run(vm, COMMAND)).exitCode);
  const elapsedMs = performance.now() - startedAt;
  await client.vms.delete(vm);
  return { launchMs, elapsedMs };
}

async function floorCycle(floor: FloorSource): Promise<number> {
  const startedAt = performance.now();
  await using vm = await floorRestore(floor);
  expectSuccess(await vm.agent.exec(COMMAND));
  return performance.now() - startedAt;
}

async function inARow(count: number, work: () => Promise<number>): Promise<readonly number[]> {
  const all: number[] = [];
  for (let at = 0; at < count; at++) all.push(await work());
  return all;
}

async function begunEvery<Result>(
  intervalMs: number,
  count: number,
  work: () => Promise<Result>,
): Promise<readonly Result[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      await sleep(at * intervalMs);
      return await work();
    }),
  );
}

async function busyMsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = await busyMs();
  await work();
  return (await busyMs()) - before;
}

/** The first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal. */
async function busyMs(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "latin1")).split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) * MS_PER_TICK;
}
