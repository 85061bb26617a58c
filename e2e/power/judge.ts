/** What there is after a cut, beside what was promised. Throws what is wrong. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Vm } from "fastvm";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/keeper.ts";
import { findLeftovers } from "../soak/leftovers.ts";
import { LATER, LATER_FILE } from "./acts.ts";
import type { Act, Promised, Scene } from "./acts.ts";
import { expectOpens, readFromDisk } from "./read-disk.ts";
import { NOTE, NOTED } from "./stage.ts";
import type { PowerStage } from "./stage.ts";
import { expectWritten, WRITTEN } from "./writer.ts";

/** A daemon clears up what the one before it had begun, or boots a VM whose start that had answered. */
const REST_MS = 60_000;
const SLOW_REST_MS = 240_000;

interface Case {
  readonly act: Act;
  readonly scene: Scene;
  readonly promised: Promised;
  /** Lines that the strict VM's guest had synced. */
  readonly acknowledged: number;
}

export async function judge(stage: PowerStage, given: Case): Promise<void> {
  await rested(stage, given);
  await judgePromises(stage, given);
  await judgeStrict(stage, given);
  await judgeRelaxed(stage, given);
  await judgeSnapshots(stage);
}

/** Nothing half-made is listed, and nothing is there that the records do not account for. */
async function rested({ client, daemon }: PowerStage, { act, scene }: Case): Promise<void> {
  const isRest = ({ id, status }: Vm): boolean =>
    ["paused", "stopped", "error"].includes(status) ||
    (status === "running" && act.startsStrict === true && id === scene.strict.id);
  await eventually(
    async () => {
      const [vms, snapshots] = await Promise.all([client.vms.list(), client.snapshots.list()]);
      for (const vm of vms) if (!isRest(vm)) throw new Error(`VM ${vm.id} is ${vm.status}`);
      for (const { id, status } of snapshots)
        if (status !== "ready") throw new Error(`snapshot ${id} is ${status}`);
      const leftovers = await findLeftovers(daemon, vms, snapshots);
      if (leftovers.length > 0) throw new Error(leftovers.join("\n"));
    },
    act.isSlow === true ? SLOW_REST_MS : REST_MS,
  );
}

async function judgePromises(
  { client, base, dataDir }: PowerStage,
  { promised, scene }: Case,
): Promise<void> {
  const [vms, snapshots] = await Promise.all([client.vms.list(), client.snapshots.list()]);
  const fateOf = (all: readonly { id: string; status?: string }[], id: string) =>
    all.find((one) => one.id === id)?.status ?? "gone";
  for (const [id, fate] of Object.entries(promised.vms ?? {})) expectSame(`VM ${id}`, fateOf(vms, id), fate);
  for (const [id, fate] of Object.entries({ ...promised.snapshots, [base.id]: "ready" }))
    expectSame(`snapshot ${id}`, fateOf(snapshots, id), fate);
  for (const id of promised.disks ?? []) {
    const disk = join(dataDir, "stopped", id, "disk");
    const layers = await readdir(disk).catch((): string[] => []);
    if (!layers.includes("0.raw") || !layers.includes("1.qcow2"))
      throw new Error(`of the disk of VM ${id} there is ${layers.join(", ") || "nothing"}`);
    await expectOpens(disk);
  }
  for (const { id } of [scene.relaxed, scene.strict])
    if (fateOf(vms, id) === "gone") throw new Error(`VM ${id} is gone`);
}

function expectSame(what: string, found: string, wanted: string): void {
  if (found !== wanted) throw new Error(`${what} is ${found}, and should be ${wanted}`);
}

async function judgeStrict(
  { client, dataDir }: PowerStage,
  { act, scene, acknowledged, promised }: Case,
): Promise<void> {
  const vm = await client.vms.get(scene.strict);
  if (vm.status === "paused" && promised.later !== true) await client.vms.resume(vm);
  else if (vm.status !== "running") {
    expectSame(`the strict VM (${vm.statusReason})`, vm.status, "stopped");
    const disk = join(dataDir, "stopped", vm.id, "disk");
    expectWritten(await readFromDisk(disk, WRITTEN), acknowledged);
    if (promised.later === true)
      expectSame("what was synced later", (await readFromDisk(disk, LATER_FILE)).trim(), LATER);
    if (act.isSlow !== true) return;
    await client.vms.start(vm);
  }
  expectWritten(await sh(client, vm, `cat ${WRITTEN}`), acknowledged);
}

async function judgeRelaxed(stage: PowerStage, { act, scene }: Case): Promise<void> {
  const { client, dataDir } = stage;
  const vm = await client.vms.get(scene.relaxed);
  if (vm.status === "paused") {
    await client.vms.resume(vm);
    await stage.expectContinues(vm);
  }
  if (vm.status === "stopped") {
    const note = await readFromDisk(join(dataDir, "stopped", vm.id, "disk"), NOTE);
    expectSame("the note of the stopped VM", note.trim(), NOTED);
  }
  if (vm.status === "error" && !vm.statusReason) throw new Error(`VM ${vm.id} failed without a reason`);
  if (act.letsRelaxedBe !== true) return;
  // What it is found by was synced, if late, so there is something to check and to start.
  if (!/starts after a check/.test(vm.statusReason ?? ""))
    throw new Error(`the relaxed VM is ${vm.status}: ${vm.statusReason}`);
  await expectOpens(join(dataDir, "stopped", vm.id, "disk"));
}

async function judgeSnapshots(stage: PowerStage): Promise<void> {
  const { client, base } = stage;
  const made = (await client.snapshots.list()).filter(({ id }) => id !== base.id);
  for (const snapshot of made) {
    const vm: Vm = await client.vms.launch({ snapshotId: snapshot.id });
    await stage.expectContinues(vm);
  }
}
