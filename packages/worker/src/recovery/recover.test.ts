/**
 * What another daemon makes of what one has left that ended at any step of any transition: what ARCHITECTURE.md's table says, each time.
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newSnapshotId } from "@fastvm/contract";
import type { StepName, VmId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JOURNAL_FILE, readJournal } from "../journal/journal.ts";
import { EXIT_FILE } from "../qemu/exit-record.ts";
import { ScriptedHost } from "../testing/scripted-host.ts";
import type { ScriptedQemu } from "../testing/scripted-qemu.ts";
import { foundVms } from "../vm/state/found-vm.ts";
import { pausedFolder, snapshotFolder, stoppedFolder, vmFolder } from "../vm/state/worker-context.ts";
import { createSnapshot } from "../vm/transitions/create-snapshot.ts";
import { deleteUnreadable, deleteVm } from "../vm/transitions/delete-vm.ts";
import { fork } from "../vm/transitions/fork.ts";
import { launch } from "../vm/transitions/launch.ts";
import { pause } from "../vm/transitions/pause.ts";
import { resume } from "../vm/transitions/resume.ts";
import { stop } from "../vm/transitions/stop.ts";

/** Some thirty steps, each with a VM and two daemons of its own; others use the processors, too. */
const TIMEOUT_MS = 120_000;

/** Steps at which another test ends a daemon. */
const AS_IN_A_LAUNCH = /^(start-guest|journal|file)\./;
const AS_IN_A_SNAPSHOT = /^(capture|publish)\./;

let host: ScriptedHost;

beforeEach(async () => {
  host = await ScriptedHost.open();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** A VM, and its QEMU, launched by the present daemon. */
async function launched(): Promise<{ vmId: VmId; qemu: ScriptedQemu }> {
  await host.fillPool();
  const vm = await host.launch();
  return { vmId: vm.vmId, qemu: host.of(vm).qemu };
}

function isPaused(vmId: VmId): boolean {
  return existsSync(join(pausedFolder(host.context.config, vmId), "manifest.json"));
}

/** It is one thing, whole: its record, its folder and its QEMU say the same. */
function expectRuns(vmId: VmId, qemu: ScriptedQemu, what: string): void {
  const vm = host.vm(vmId);
  expect(vm.record.phase, what).toBe("running");
  expect(qemu, what).toMatchObject({ hasEnded: false, isRunning: true });
  expect(vm.record.process, what).toEqual(qemu.process.identity);
  expect(vm.record.chain.at(-1), what).toBe(`${qemu.active.replace("disk-", "")}.qcow2`);
  expect(isPaused(vmId), what).toBe(false);
}

function expectPaused(vmId: VmId, what: string): void {
  expect(host.vm(vmId).record.phase, what).toBe("paused");
  expect(isPaused(vmId), what).toBe(true);
  expect(existsSync(join(host.dataDir, "vms", vmId)), what).toBe(false);
}

/** Neither processes nor folders of anybody but these. */
async function expectNobodyElse(vmIds: readonly VmId[], what: string): Promise<void> {
  expect([...host.context.vms.keys()].toSorted(), what).toEqual(vmIds.toSorted());
  const running = vmIds.filter((vmId) => host.vm(vmId).record.phase === "running");
  expect((await readdir(join(host.dataDir, "vms"))).toSorted(), what).toEqual(running.toSorted());
  expect(host.qemus, what).toHaveLength(running.length);
  for (const folder of ["pool", "standby", "forks"])
    expect(await readdir(join(host.dataDir, folder)), `${what}: ${folder}`).toEqual([]);
  for (const folder of ["paused", "snapshots"])
    expect((await readdir(join(host.dataDir, folder))).join(), what).not.toContain("partial");
  for (const folder of ["vms", "paused"]) {
    const files = await readdir(join(host.dataDir, folder), { recursive: true });
    expect(
      files.filter((file) => file.endsWith(".new")),
      what,
    ).toEqual([]);
  }
}

async function clear(...vmIds: readonly VmId[]): Promise<void> {
  for (const vmId of vmIds) {
    const vm = host.context.vms.get(vmId);
    if (vm !== undefined) await deleteVm(host.context, vm);
  }
}

async function stepsOf(work: () => Promise<unknown>): Promise<ReadonlySet<StepName>> {
  return new Set(await host.stepsOf(work));
}

test("a VM runs on over a restart, as the same VM", async () => {
  const { vmId, qemu } = await launched();
  await host.restart();
  expectRuns(vmId, qemu, "a restart");
  await (await host.vm(vmId).link({})).ping();
  expect(host.errors).toEqual([]);
});

test("what was written aside of a VM's files is gone after a restart, whether it runs or is paused", async () => {
  const [running, paused] = [await launched(), await launched()];
  await pause(host.context, host.vm(paused.vmId));
  const folders = [host.vm(running.vmId).folder, pausedFolder(host.context.config, paused.vmId)];
  for (const folder of folders) await writeFile(join(folder, "journal.json.new"), "half");
  await host.restart();
  await expectNobodyElse([running.vmId, paused.vmId], "a restart");
});

test("of a launch nothing is left, until the VM counts as running", { timeout: TIMEOUT_MS }, async () => {
  const steps = await stepsOf(() => host.launch());
  await clear(...host.context.vms.keys());
  for (const name of steps) {
    await host.fillPool();
    const qemu = host.nextQemu;
    const spec = host.spec();
    expect(await host.crashAt(name, () => launch(host.context, spec)), name).toBe(true);
    const runs = name === "introduce.recorded" || name === "launch.restored";
    if (runs) expectRuns(spec.vmId, qemu, name);
    await expectNobodyElse(runs ? [spec.vmId] : [], name);
    await clear(spec.vmId);
  }
});

test(
  "a pause has happened once its state is published, and not before",
  { timeout: TIMEOUT_MS },
  async () => {
    const model = await launched();
    const steps = await stepsOf(() => pause(host.context, host.vm(model.vmId)));
    await clear(model.vmId);
    const outcomes = new Map<StepName, string>();
    for (const name of steps) {
      const { vmId, qemu } = await launched();
      const vm = host.vm(vmId);
      expect(await host.crashAt(name, () => pause(host.context, vm)), name).toBe(true);
      if (isPaused(vmId)) expectPaused(vmId, name);
      else expectRuns(vmId, qemu, name);
      outcomes.set(name, host.vm(vmId).record.phase);
      await expectNobodyElse([vmId], name);
      await clear(vmId);
    }
    expect(outcomes.get("capture.begun")).toBe("running");
    expect(outcomes.get("capture.switched")).toBe("running");
    expect(outcomes.get("publish.synced")).toBe("running");
    expect(outcomes.get("publish.done")).toBe("paused");
    expect(outcomes.get("pause.killed")).toBe("paused");
  },
);

test("a stop that was begun ends with its disk at rest", { timeout: TIMEOUT_MS }, async () => {
  const model = await launched();
  const steps = await stepsOf(() => stop(host.context, host.vm(model.vmId), { graceMs: 0 }));
  await clear(model.vmId);
  const outcomes = new Map<StepName, string>();
  for (const name of [...steps].filter((step) => !AS_IN_A_LAUNCH.test(step))) {
    const { vmId, qemu } = await launched();
    const vm = host.vm(vmId);
    expect(await host.crashAt(name, () => stop(host.context, vm, { graceMs: 0 })), name).toBe(true);
    const { phase } = host.vm(vmId).record;
    if (phase === "running") expectRuns(vmId, qemu, name);
    else
      expect(existsSync(join(stoppedFolder(host.context.config, vmId), "disk", "1.qcow2")), name).toBe(true);
    outcomes.set(name, phase);
    await expectNobodyElse([vmId], name);
    await clear(vmId);
    expect(existsSync(stoppedFolder(host.context.config, vmId)), name).toBe(false);
  }
  const { "stop.begun": begun, "stop.recorded": recorded, ...after } = Object.fromEntries(outcomes);
  expect([begun, recorded]).toEqual(["running", "running"]);
  expect(new Set(Object.values(after))).toEqual(new Set(["stopped"]));
});

test("what a power cut brings back of a stopped VM that was deleted goes, a disk with an unreadable journal stays", async () => {
  const lost = await launched();
  const kept = await launched();
  for (const { vmId } of [lost, kept]) await stop(host.context, host.vm(vmId), { graceMs: 0 });
  const [without, unreadable] = [lost, kept].map(({ vmId }) => stoppedFolder(host.context.config, vmId));
  if (without === undefined || unreadable === undefined) throw new Error("there are two");
  await rm(join(without, JOURNAL_FILE));
  await writeFile(join(unreadable, JOURNAL_FILE), "");
  await host.restart();
  expect([existsSync(without), existsSync(join(unreadable, "disk", "1.qcow2"))]).toEqual([false, true]);
});

test("a paused VM with an unreadable journal stays, a part of one that was resumed or deleted goes", async () => {
  const [lost, kept] = [await launched(), await launched()].map(({ vmId }) => vmId);
  if (lost === undefined || kept === undefined) throw new Error("there are two");
  for (const vmId of [lost, kept]) await pause(host.context, host.vm(vmId));
  const [without, unreadable] = [lost, kept].map((vmId) => pausedFolder(host.context.config, vmId));
  if (without === undefined || unreadable === undefined) throw new Error("there are two");
  await rm(join(without, JOURNAL_FILE));
  await writeFile(join(unreadable, JOURNAL_FILE), "");
  await host.restart();
  expect([existsSync(without), existsSync(join(unreadable, "manifest.json"))]).toEqual([false, true]);
});

/** A resumed VM beside whose folder its captured state is again, as where power went before that was gone. Its QEMU has ended. */
async function cutAfterResume(durability: "strict" | "relaxed"): Promise<VmId> {
  await host.fillPool();
  const spec = { ...host.spec(), durability };
  await launch(host.context, spec);
  const { vmId } = spec;
  await pause(host.context, host.vm(vmId));
  const folder = pausedFolder(host.context.config, vmId);
  execFileSync("cp", ["-al", folder, `${folder}-then`]);
  await host.fillPool();
  await resume(host.context, host.vm(vmId), {});
  await host.of(host.vm(vmId)).qemu.kill();
  await rm(join(host.vm(vmId).folder, EXIT_FILE));
  await rename(`${folder}-then`, folder);
  return vmId;
}

/** Its newest layer. */
async function topOf(vmId: VmId): Promise<string> {
  const folder = vmFolder(host.context.config, vmId);
  return join(folder, "disk", (await readJournal(folder))?.chain.at(-1) ?? "none");
}

test("a strict VM's layers are on the host's disk before its journal says that it runs", async () => {
  await host.fillPool();
  const spec = { ...host.spec(), durability: "strict" as const };
  await launch(host.context, spec);
  await pause(host.context, host.vm(spec.vmId));
  await host.fillPool();
  let isWritten = false;
  const over = Promise.withResolvers<void>();
  const withoutTop = async (): Promise<void> => {
    await rm(await topOf(spec.vmId));
    void host.doAt(
      "file.begun",
      () => (isWritten = true),
      () => over.promise,
    );
  };
  const resumed = host.doAt("introduce.connected", withoutTop, () =>
    resume(host.context, host.vm(spec.vmId), {}),
  );
  await expect(resumed).rejects.toThrow("ENOENT");
  over.resolve();
  expect(isWritten).toBe(false);
  expect(isPaused(spec.vmId)).toBe(true);
});

test("what a relaxed VM was resumed from stays where its newest layer cannot be settled", async () => {
  const { vmId } = await launched();
  await pause(host.context, host.vm(vmId));
  await host.fillPool();
  await host.doAt(
    "resume.logs-kept",
    async () => await rm(await topOf(vmId)),
    () => resume(host.context, host.vm(vmId), {}),
  );
  expect(isPaused(vmId)).toBe(true);
});

test("what a strict VM was resumed from stays until its disk has its place", async () => {
  const vmId = await cutAfterResume("strict");
  await rm(await topOf(vmId));
  await host.restart();
  expect(host.vm(vmId).record.phase).toBe("error");
  expect(isPaused(vmId)).toBe(true);
});

test("a relaxed VM whose QEMU ended by itself is not taken back to what it was resumed from", async () => {
  const vmId = await cutAfterResume("relaxed");
  await writeFile(join(vmFolder(host.context.config, vmId), EXIT_FILE), "exit 0\n");
  await host.restart();
  expect(host.vm(vmId).record.phase).toBe("stopped");
  expect(isPaused(vmId)).toBe(false);
});

test("of a VM that ran its disk stays where its journal is unreadable, but for one whose state at rest is there", async () => {
  const [kept, resumed] = [await launched(), await launched()].map(({ vmId }) => vmId);
  if (kept === undefined || resumed === undefined) throw new Error("there are two");
  const [alone, beside] = [kept, resumed].map((vmId) => vmFolder(host.context.config, vmId));
  if (alone === undefined || beside === undefined) throw new Error("there are two");
  execFileSync("cp", ["-a", beside, `${beside}-then`]);
  await pause(host.context, host.vm(resumed));
  await rename(`${beside}-then`, beside);
  await host.of(host.vm(kept)).qemu.kill();
  for (const folder of [alone, beside]) await writeFile(join(folder, JOURNAL_FILE), "");
  await host.restart();
  expect([existsSync(join(alone, "disk", "1.qcow2")), existsSync(beside)]).toEqual([true, false]);
  expect(host.vm(resumed).record.phase).toBe("paused");
});

test("a folder with an unreadable journal is told of until it is deleted, wherever it lies", async () => {
  const vmIds = [await launched(), await launched(), await launched()].map(({ vmId }) => vmId);
  const [ran, paused, stopped] = vmIds;
  if (ran === undefined || paused === undefined || stopped === undefined) throw new Error("there are three");
  await pause(host.context, host.vm(paused));
  await stop(host.context, host.vm(stopped), { graceMs: 0 });
  await host.of(host.vm(ran)).qemu.kill();
  const { config } = host.context;
  const folders = [vmFolder(config, ran), pausedFolder(config, paused), stoppedFolder(config, stopped)];
  for (const folder of folders) await writeFile(join(folder, JOURNAL_FILE), "");
  await host.restart();
  const found = foundVms(host.context);
  expect(found.map(({ vmId }) => vmId).toSorted()).toEqual(vmIds.toSorted());
  for (const each of found) expect(each).toMatchObject({ status: "error", memoryMib: 0 });
  for (const vmId of vmIds) await deleteUnreadable(host.context, vmId);
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
  expect(foundVms(host.context)).toEqual([]);
});

test("one that can be read leaves nothing to tell of when it is deleted, whatever a power cut has brought back of it", async () => {
  const { vmId } = await launched();
  await stop(host.context, host.vm(vmId), { graceMs: 0 });
  const { config } = host.context;
  execFileSync("cp", ["-a", stoppedFolder(config, vmId), pausedFolder(config, vmId)]);
  await writeFile(join(pausedFolder(config, vmId), JOURNAL_FILE), "");
  await host.restart();
  expect(foundVms(host.context)).toMatchObject([{ vmId, status: "stopped" }]);
  await deleteVm(host.context, host.vm(vmId));
  expect(existsSync(pausedFolder(config, vmId))).toBe(false);
  expect(foundVms(host.context)).toEqual([]);
});

test.each([
  ["strict", "stopped"],
  ["relaxed", "paused"],
] as const)("a paused state that a power cut brings back beside its %s VM: %s", async (durability, phase) => {
  const vmId = await cutAfterResume(durability);
  await host.restart();
  expect(host.vm(vmId).record.phase).toBe(phase);
  expect(isPaused(vmId)).toBe(phase === "paused");
  expect(existsSync(join(stoppedFolder(host.context.config, vmId), "disk", "1.qcow2"))).toBe(
    phase === "stopped",
  );
  await expectNobodyElse([vmId], "a power cut");
});

test("a snapshot is whole or not there, and its VM runs on", { timeout: TIMEOUT_MS }, async () => {
  const { vmId, qemu } = await launched();
  const steps = await stepsOf(() => createSnapshot(host.context, host.vm(vmId), newSnapshotId()));
  for (const name of steps) {
    const id = newSnapshotId();
    const vm = host.vm(vmId);
    expect(await host.crashAt(name, () => createSnapshot(host.context, vm, id)), name).toBe(true);
    expectRuns(vmId, qemu, name);
    await expectNobodyElse([vmId], name);
    const folder = snapshotFolder(host.context.config, id);
    expect(existsSync(folder), name).toBe(name === "publish.done");
    if (existsSync(folder)) expect(existsSync(join(folder, "manifest.json")), name).toBe(true);
  }
});

test(
  "a resume has happened once the VM counts as running, and not before",
  { timeout: TIMEOUT_MS },
  async () => {
    const model = await launched();
    await pause(host.context, host.vm(model.vmId));
    await host.fillPool();
    const steps = await stepsOf(() => resume(host.context, host.vm(model.vmId), {}));
    await clear(model.vmId);
    let hasRun = false;
    for (const name of [...steps].filter((step) => !AS_IN_A_LAUNCH.test(step))) {
      const { vmId } = await launched();
      await pause(host.context, host.vm(vmId));
      await host.fillPool();
      const qemu = host.nextQemu;
      const vm = host.vm(vmId);
      expect(await host.crashAt(name, () => resume(host.context, vm, {})), name).toBe(true);
      if (name === "introduce.recorded") hasRun = true;
      if (hasRun) expectRuns(vmId, qemu, name);
      else expectPaused(vmId, name);
      expect(host.vm(vmId).record.generation, name).toBe(hasRun ? 2 : 1);
      await expectNobodyElse([vmId], name);
      await clear(vmId);
    }
    expect(hasRun).toBe(true);
  },
);

test(
  "of a fork its children are left that count as running, and its source",
  { timeout: TIMEOUT_MS },
  async () => {
    const model = await launched();
    await host.fillPool();
    const steps = await stepsOf(() => fork(host.context, host.vm(model.vmId), [host.child()]));
    await clear(...host.context.vms.keys());
    for (const name of [...steps].filter(
      (step) => !AS_IN_A_LAUNCH.test(step) && !AS_IN_A_SNAPSHOT.test(step),
    )) {
      const { vmId, qemu } = await launched();
      await host.fillPool();
      const vm = host.vm(vmId);
      const child = host.child();
      expect(await host.crashAt(name, () => fork(host.context, vm, [child])), name).toBe(true);
      expectRuns(vmId, qemu, name);
      const isThere = host.context.vms.has(child.vmId);
      if (isThere) expect(host.vm(child.vmId).record.phase, name).toBe("running");
      if (name === "fork.captured") expect(isThere).toBe(false);
      if (name === "fork.children-settled") expect(isThere).toBe(true);
      await expectNobodyElse(isThere ? [vmId, child.vmId] : [vmId], name);
      await clear(vmId, child.vmId);
    }
  },
);

test("a delete that was cut short can be done again, whatever it left", { timeout: TIMEOUT_MS }, async () => {
  const model = await launched();
  const steps = await stepsOf(() => deleteVm(host.context, host.vm(model.vmId)));
  for (const name of steps) {
    const { vmId } = await launched();
    const vm = host.vm(vmId);
    expect(await host.crashAt(name, () => deleteVm(host.context, vm)), name).toBe(true);
    await clear(vmId);
    await expectNobodyElse([], name);
  }
});

test("a QEMU that ended while nobody looked is a VM that failed, and tells why", async () => {
  const { vmId, qemu } = await launched();
  await qemu.kill();
  await host.restart();
  const { record } = host.vm(vmId);
  expect(record).toMatchObject({
    phase: "error",
    cause: "host",
    reason: expect.stringContaining("Lost over a restart"),
  });
  expect(record).not.toHaveProperty("unchecked");
  expect(host.freedGroups).toHaveLength(1);
});

test.each([
  ["relaxed", "that runs", "error", {}],
  ["strict", "that runs", "stopped", {}],
  // Its disk was not settled yet.
  ["relaxed", "that is being stopped", "error", { stops: true }],
  ["strict", "that is being stopped", "stopped", { stops: true }],
] as const)(
  "a %s VM %s, of whose end nobody could write, is lost with its host: %s",
  async (durability, _what, phase, stopping) => {
    const { vmId, qemu } = await launched();
    await host.vm(vmId).update({ durability, ...stopping });
    await qemu.kill();
    await rm(join(host.vm(vmId).folder, EXIT_FILE));
    await host.restart();
    const { record } = host.vm(vmId);
    expect(record).toMatchObject({ phase, cause: "host", reason: expect.stringContaining("power cut") });
    expect(record.unchecked).toBe(durability === "relaxed" ? true : undefined);
    // It is told again by what is on the disk alone.
    await host.restart();
    expect(host.vm(vmId).record).toEqual(record);
  },
);

test.each([
  ["relaxed", true],
  ["strict", undefined],
] as const)(
  "the disk of a %s VM that had ended before its host went down is checked: %s",
  async (durability, unchecked) => {
    const { vmId, qemu } = await launched();
    const { process } = host.vm(vmId).record;
    if (process === undefined) throw new Error("it runs");
    const earlier = { ...process, boot: randomUUID() };
    await host.vm(vmId).update({ durability, stops: true, process: earlier });
    await qemu.kill();
    await host.restart();
    const { record } = host.vm(vmId);
    expect(record).toMatchObject({ phase: "stopped", reason: expect.stringContaining("Stopped over") });
    expect(record.unchecked).toBe(unchecked);
  },
);
