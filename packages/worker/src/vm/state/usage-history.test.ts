/** The ring of samples, over real processes: of this test's own. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VmId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SAMPLE_EVERY_MS, UsageHistories } from "./usage-history.ts";
import type { Vm } from "./vm.ts";

const HOUR = 3_600_000;
let dataDir: string;
let now: number;
let vms: Map<VmId, Vm>;
let histories: UsageHistories;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "fastvm-history-"));
  now = 1_000_000_000;
  vms = new Map();
  const context = { config: { dataDir }, vms, onError: (error: unknown) => expect(error).toBeUndefined() };
  histories = new UsageHistories(context as never, () => now);
});

afterEach(async () => {
  histories[Symbol.dispose]();
  await rm(dataDir, { recursive: true });
});

function addVm(name: string, record: object = { phase: "running", process: { pid: process.pid } }): VmId {
  const vmId = name as VmId;
  vms.set(vmId, { folder: join(dataDir, "vms", name), record: { vmId, ...record } } as unknown as Vm);
  return vmId;
}

test("a VM that runs has a sample with each look, with what its process and its disk take", async () => {
  const vmId = addVm("vm");
  const disk = join(dataDir, "vms", vmId, "disk");
  await mkdir(disk, { recursive: true });
  await writeFile(join(disk, "layer"), Buffer.alloc(64 * 1024, 1));
  await histories.look();
  const busyUntil = performance.now() + 60;
  while (performance.now() < busyUntil);
  now += SAMPLE_EVERY_MS;
  await histories.look();
  const [first, second] = histories.of(vmId);
  expect(first).toMatchObject({ atMs: 1_000_000_000, cpuPercent: 0, diskBytes: 64 * 1024 });
  expect(first?.ownBytes).toBeGreaterThan(1024 ** 2);
  expect(first?.residentBytes).toBeGreaterThan(first?.ownBytes ?? 0);
  expect(second?.cpuPercent).toBeGreaterThan(0);
  expect(second?.cpuSeconds).toBeGreaterThan(first?.cpuSeconds ?? 0);
  expect(histories.latest()).toEqual([{ vmId, sample: second }]);
});

test("an hour is kept and no more, in its order", async () => {
  const vmId = addVm("vm");
  for (let i = 0; i < 400; i += 1) {
    await histories.look();
    now += SAMPLE_EVERY_MS;
  }
  const samples = histories.of(vmId);
  expect(samples.length).toBeLessThanOrEqual(360);
  expect(samples.length).toBeGreaterThan(355);
  const times = samples.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((one, other) => one - other));
  expect(times[0]).toBeGreaterThanOrEqual(now - HOUR);
});

test("what does not run has none, keeps those that it had for an hour, and what is gone loses them", async () => {
  const ended = { phase: "running", process: { pid: 2 ** 22 + 1 } };
  const [vmId, paused, lost] = [addVm("vm"), addVm("paused", { phase: "paused" }), addVm("lost", ended)];
  await histories.look();
  expect([histories.of(paused), histories.of(lost)]).toEqual([[], []]);
  addVm("vm", { phase: "paused" });
  now += HOUR / 2;
  await histories.look();
  expect(histories.of(vmId)).toHaveLength(1);
  expect(histories.latest()).toEqual([]);
  now += HOUR;
  await histories.look();
  expect(histories.of(vmId)).toEqual([]);
  addVm("vm");
  await histories.look();
  expect(histories.of(vmId)).toHaveLength(1);
  vms.delete(vmId);
  await histories.look();
  expect(histories.of(vmId)).toEqual([]);
});

test("there is room for so many VMs", async () => {
  for (let i = 0; i < 1030; i += 1) addVm(`vm-${i}`);
  await histories.look();
  expect(histories.latest()).toHaveLength(1024);
});
