import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STEPS, type StepName } from "@fastvm/contract";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { expectFootprint, footprint, restingFootprint } from "../harness/footprint.ts";
import { sh } from "../harness/guest.ts";
import { processOf } from "../harness/processes.ts";
import { isOfBuilds, Steps } from "../harness/steps.ts";

/** More than a running VM's disk may have. */
const LAYERS = 17;
/** Above what a snapshot keeps as a delta. */
const LARGE_DELTA_MIB = 70;
const SETTLE_DEADLINE_MS = 60_000;
/** An image and a template of its own, on a machine that may be busy with others. */
const START_TIMEOUT_MS = 400_000;
const OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f steps";

let steps: Steps;
let cacheDir: string;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  steps = await Steps.make();
  // Its own, so that a template is made.
  cacheDir = await mkdtemp("/var/cache/fastvm-test/cache-");
  daemon = await TestDaemon.start({
    // What is kept ready has steps as well.
    poolSize: 1,
    settings: { stepsFolder: steps.folder, cacheDir, growsMountedVolumes: false },
  });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", diskGiB: 12 });
}, START_TIMEOUT_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps.remove();
  await rm(cacheDir, { recursive: true, force: true });
});

test("a call fails at the step that it is told to, as if the disk were full", async () => {
  await steps.order({ step: "capture.copied", effect: { code: "ENOSPC" } });
  await expect(client.snapshots.create({ vmId: vm.id })).rejects.toMatchObject({ code: "out_of_disk" });
  await client.snapshots.create({ vmId: vm.id });
});

test("a snapshot that fails at its very end leaves nothing that no record knows", async () => {
  await steps.order({ step: "publish.done", effect: { code: "EIO" } });
  await expect(client.snapshots.create({ vmId: vm.id })).rejects.toThrow("EIO");
  const known = (await client.snapshots.list()).map(({ id }) => id);
  expect((await readdir(join(daemon.config.dataDir, "snapshots"))).toSorted()).toEqual(known.toSorted());
});

test("a process of the pool that cannot become a VM's goes", async () => {
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const before = await restingFootprint(daemon);
  await steps.order({ step: "slot.moved", effect: { code: "EIO" } });
  await expect(client.vms.launch({ snapshotId: snapshot.id })).rejects.toThrow("EIO");
  for (const { id, status } of await client.vms.list()) if (status === "error") await client.vms.delete(id);
  await expectFootprint(daemon, before);
});

test("a child of a fork that fails at its very end is not left running", async () => {
  const before = await restingFootprint(daemon);
  await steps.order({ step: "fork.child-restored", effect: { code: "EIO" } });
  const { children } = await client.vms.fork(vm, { count: 1 });
  expect(children).toEqual([expect.objectContaining({ error: expect.anything() })]);
  await eventually(async () => {
    const { processes, cgroups, network } = await footprint(daemon);
    expect({ processes, cgroups, network }).toEqual({
      processes: before.processes,
      cgroups: before.cgroups,
      network: before.network,
    });
  }, SETTLE_DEADLINE_MS);
});

test("a fork whose state cannot be cleared away has its children all the same", async () => {
  await steps.order({ step: "fork.children-settled", effect: { code: "EIO" } });
  const { children } = await client.vms.fork(vm, { count: 1 });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  expect(await sh(client, child, "echo here")).toBe("here");
  await client.vms.delete(child);
});

test("a call stands still at its step until it is released, at the second passing if so wanted", async () => {
  const twice = async (): Promise<void> => {
    for (let time = 0; time < 2; time++) await client.snapshots.create({ vmId: vm.id });
  };
  await steps.whileStalled({ step: "capture.overlay-opened", after: 1 }, twice, async (at) => {
    expect(at).toBe("capture.overlay-opened");
  });
});

test("a daemon ends at its step, once", async () => {
  await steps.order({ step: "control.pause.recorded", effect: "kill" });
  const doomed = client.vms.pause(vm);
  await expect(doomed).rejects.toThrow();
  await daemon.ended();
  await daemon.restart();
  expect(await client.vms.pause(vm)).toMatchObject({ status: "paused" });
  await client.vms.resume(vm);
});

test("a key that a daemon recorded, and ended before it told the VM, is there after the next start", async () => {
  await steps.order({ step: "control.keys.recorded", effect: "kill" });
  await expect(client.me.sshKeys.add({ publicKey: OWN_KEY })).rejects.toThrow();
  await daemon.ended();
  await daemon.restart();
  const { keys } = await client.me.sshKeys.list();
  expect(keys.map(({ publicKey }) => publicKey)).toEqual([OWN_KEY]);
  await eventually(async () => {
    expect(await sh(client, vm, "cat /root/.ssh/authorized_keys2")).toContain(OWN_KEY);
  }, SETTLE_DEADLINE_MS);
});

test("the operations pass every step that is listed", async () => {
  const snapshot = await lengthenDisk();
  await sh(client, vm, `head -c ${LARGE_DELTA_MIB}M /dev/urandom > /dev/shm/large`);
  await client.snapshots.create({ vmId: vm.id });
  const [child] = (await client.vms.fork(vm, { count: 1 })).children;
  await client.vms.launch({ snapshotId: snapshot.id });
  await changeRecords(vm);
  await changeVolumes();
  await client.vms.pause(vm);
  await client.snapshots.create({ vmId: vm.id });
  await client.vms.resume(vm);
  await client.vms.restart(vm, { graceSec: 0 });
  await client.vms.stop(vm, { graceSec: 0 });
  await client.vms.delete(vm);
  await client.snapshots.delete(snapshot);
  if (child?.vm === undefined) throw new Error("the fork has no child");
  process.kill((await processOf(daemon.config.dataDir, child.vm.id)).pid, "SIGKILL");
  await eventually(async () => {
    const passed = new Set(await steps.passed());
    // A build takes an image and minutes of its own: `builds.test.ts` has one pass its steps, `builds-killed.test.ts` ends it at them. A
    // webhook takes a receiver and a pool a minute: `cut-deliveries.test.ts` and `cut-pools.test.ts` of the control plane end them. A
    // bucket takes a store: `bucket-mounts.test.ts` has one pass its step.
    const isOfOthers = (step: StepName) =>
      isOfBuilds(step) || /^(?:control\.(?:pool|webhook)|bucket)\./.test(step);
    const expected = STEPS.filter((step) => !isOfOthers(step));
    expect(expected.filter((step) => !passed.has(step))).toEqual([]);
  }, SETTLE_DEADLINE_MS);
});

async function lengthenDisk(): Promise<{ readonly id: string }> {
  let last: { readonly id: string } | undefined;
  for (let layer = 0; layer < LAYERS; layer++) last = await client.snapshots.create({ vmId: vm.id });
  if (last === undefined) throw new Error("no layer was made");
  return last;
}

async function changeVolumes(): Promise<void> {
  const volume = await client.volumes.create({ name: "steps", sizeGiB: 1 });
  await client.vms.pause(vm);
  await client.vms.volumes.attach(vm, { volumeId: volume.id, mountPath: "/mnt/steps" });
  await client.vms.volumes.detach(vm, volume);
  await client.vms.resume(vm);
  await client.vms.volumes.attach(vm, { volumeId: volume.id, mountPath: "/mnt/steps" });
  await client.volumes.update(volume, { sizeGiB: 2 });
  await client.snapshots.create({ vmId: vm.id });
  const [child] = (await client.vms.fork(vm, { volumes: "copy" })).children;
  if (child?.vm === undefined) throw new Error("the fork has no child");
  await client.vms.delete(child.vm);
  await client.vms.volumes.detach(vm, volume);
  await client.volumes.delete(volume);
}

async function changeRecords({ id }: Vm): Promise<void> {
  await client.vms.setFirewall(id, { egress: { default: "deny" } });
  await client.vms.sshKeys.add(id, { publicKey: KEY });
  const short = await client.vms.launch({ machineType: "c1m2", ttl: { action: "pause", seconds: 60 } });
  await client.vms.update(short, { ttl: { action: "delete", seconds: 1 } });
}
