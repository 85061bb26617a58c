/** Buckets of a real store as folders of VMs, through all that happens to a VM; and that nothing is left of their tools. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { ObjectStore } from "../harness/object-store.ts";
import { Steps } from "../harness/steps.ts";

const SOON_MS = 20_000;

let store: ObjectStore;
let steps: Steps;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

const bucket = (key?: string) => ({
  bucketUri: "s3://pictures",
  credentials: store.credentials(key),
  mountPath: "/mnt/pictures",
});

beforeAll(async () => {
  store = await ObjectStore.start();
  steps = await Steps.make();
  const settings = { bucketNetworks: ["127.0.0.0/8"], stepsFolder: steps.folder };
  daemon = await TestDaemon.start({ settings });
  client = daemon.client;
  await store.makeBucket("pictures");
  await store.put("pictures/first.txt", "hello");
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps?.remove();
  await store?.[Symbol.asyncDispose]();
});

/** Of this daemon's VMs. */
async function tools(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.startsWith("/usr/bin/s3fs\0") && line.includes(store.url)) found.push(pid);
  }
  return found;
}

test("a VM is launched with one, which is a folder of objects", async () => {
  vm = await client.vms.launch({ machineType: "c1m2", bucketMounts: [bucket()] });
  expect(vm.attachmentWarnings).toBeUndefined();
  expect(vm.bucketMounts).toMatchObject([
    { bucketUri: "s3://pictures", mountStatus: "mounted", vmId: vm.id },
  ]);
  expect(await sh(client, vm, "cd /mnt/pictures && cat first.txt && echo second > in-vm.txt && ls")).toBe(
    "hellofirst.txt\nin-vm.txt",
  );
  expect(await store.get("pictures/in-vm.txt")).toBe("second\n");
  expect(await sh(client, vm, "stat -c '%u %g' /mnt/pictures/in-vm.txt")).toBe("0 0");
  const [listed] = await client.vms.bucketMounts.list(vm);
  expect(await client.vms.bucketMounts.retrieve(vm, listed?.id ?? "")).toEqual(listed);
  expect(JSON.stringify([vm, listed])).not.toContain("testing");
});

test("its tool has no rights, no network and no words that tell the key", async () => {
  const [pid] = await tools();
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8");
  expect(await read("status")).toMatch(/CapEff:\t0+\n/);
  expect(await read("cmdline")).not.toContain("testing");
  const devices = (await read("net/dev")).split("\n").filter((line) => line.includes(":"));
  expect(devices.map((line) => line.split(":")[0]?.trim())).toEqual(["lo"]);
  const journal = await readFile(join(daemon.config.dataDir, "vms", vm.id, "journal.json"), "utf8");
  expect(journal).toContain("s3://pictures");
  expect(journal).not.toContain("testing");
});

test("a pause ends its tool soon, and with the resume it is mounted anew", async () => {
  await client.vms.pause(vm);
  expect(await tools()).toEqual([]);
  const resumed = await client.vms.resume(vm);
  expect(resumed.bucketMounts).toMatchObject([{ mountStatus: "mounted" }]);
  expect(await sh(client, vm, "cat /mnt/pictures/in-vm.txt")).toBe("second");
});

test("a child of a fork has it, to read where it is told so", async () => {
  const { children } = await client.vms.fork(vm, { volumes: "read-only" });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  expect(
    await sh(client, child, "cat /mnt/pictures/first.txt; touch /mnt/pictures/no 2>&1 | grep -c 'Read-only'"),
  ).toBe("hello1");
  await client.vms.delete(child);
  expect(await tools()).toHaveLength(1);
});

test("a snapshot has it for what is restored; one that cannot be mounted is told, and is there with other credentials", async () => {
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const restored = await client.vms.launch({ snapshotId: snapshot.id });
  expect(restored.attachmentWarnings).toBeUndefined();
  expect(restored.bucketMounts).toMatchObject([{ mountStatus: "mounted" }]);
  expect(await sh(client, restored, "cd /mnt/pictures && cat first.txt && echo third >in-copy.txt")).toBe(
    "hello",
  );
  expect(await store.get("pictures/in-copy.txt")).toBe("third\n");
  expect(await sh(client, vm, "cat /mnt/pictures/first.txt")).toBe("hello");
  const about = { bucketUri: "s3://pictures", mountPath: "/mnt/pictures" };
  const wrong = await client.vms.launch({ snapshotId: snapshot.id, bucketMounts: [bucket("wrong")] });
  expect(wrong.attachmentWarnings).toMatchObject({
    failedBucketMountAttachments: [
      { ...about, statusMessage: expect.stringContaining("credentials_invalid") },
    ],
  });
  expect(await sh(client, wrong, "ls -A /mnt/pictures")).toBe("");
  const second = await client.snapshots.create({ vmId: wrong.id });
  const without = await client.vms.launch({ snapshotId: second.id });
  expect(without.attachmentWarnings).toEqual({
    skippedSnapshotBucketMounts: [{ ...about, reason: "credentials_invalid" }],
  });
  const [failed] = await client.vms.bucketMounts.list(without);
  expect(failed).toMatchObject({ ...about, mountStatus: "failed" });
  const right = { credentials: store.credentials() };
  expect(await client.vms.bucketMounts.update(without, failed?.id ?? "", right)).toMatchObject({
    mountStatus: "mounted",
  });
  expect(await sh(client, without, "cat /mnt/pictures/first.txt")).toBe("hello");
  for (const one of [restored, wrong, without]) await client.vms.delete(one);
  for (const one of [snapshot, second]) await client.snapshots.delete(one);
  expect(await tools()).toHaveLength(1);
});

/** Of a tool that has just died the daemon does not know yet, and says `mounted` of it: what a reader finds counts. */
async function expectMountedWithout(tool: number | undefined): Promise<void> {
  await eventually(async () => {
    expect(await tools()).not.toContain(tool);
    expect(await sh(client, vm, "cat /mnt/pictures/first.txt")).toBe("hello");
    expect(await client.vms.bucketMounts.list(vm)).toMatchObject([{ mountStatus: "mounted" }]);
  }, SOON_MS);
}

test("one whose tool is killed is mounted anew", async () => {
  const [before] = await tools();
  process.kill(before ?? 0, "SIGKILL");
  await expectMountedWithout(before);
});

test("it stays over the death of a daemon, and the next one mounts it anew when its tool is killed", async () => {
  const [before] = await tools();
  await daemon.sigkill();
  await daemon.restart();
  expect(await sh(client, vm, "cat /mnt/pictures/first.txt")).toBe("hello");
  expect(await tools()).toEqual([before]);
  process.kill(before ?? 0, "SIGKILL");
  await expectMountedWithout(before);
});

test("when the server of the VM's volumes is killed, another has it with a tool of its own", async () => {
  const [before] = await tools();
  const journal = await readFile(join(daemon.config.dataDir, "vms", vm.id, "journal.json"), "utf8");
  const { volumeServer } = JSON.parse(journal) as { volumeServer: { process: { pid: number } } };
  process.kill(volumeServer.process.pid, "SIGKILL");
  await expectMountedWithout(before);
});

test("other credentials take its place, and such as the store refuses do not", async () => {
  const [mount] = await client.vms.bucketMounts.list(vm);
  const id = mount?.id ?? "";
  const wrong = { credentials: store.credentials("wrong") };
  await expect(client.vms.bucketMounts.update(vm, id, wrong)).rejects.toMatchObject({ status: 502 });
  expect(await sh(client, vm, "cat /mnt/pictures/first.txt")).toBe("hello");
  const right = { credentials: store.credentials() };
  expect(await client.vms.bucketMounts.update(vm, id, right)).toMatchObject({ mountStatus: "mounted" });
  expect(await sh(client, vm, "cat /mnt/pictures/first.txt")).toBe("hello");
});

test("it is taken from the VM, and another attached, and nothing is left of them when the VM goes", async () => {
  const [mount] = await client.vms.bucketMounts.list(vm);
  await client.vms.bucketMounts.delete(vm, mount?.id ?? "");
  expect(await tools()).toEqual([]);
  expect(await client.vms.bucketMounts.list(vm)).toEqual([]);
  await expect(client.vms.bucketMounts.attach(vm, bucket("wrong"))).rejects.toMatchObject({
    message: expect.stringContaining("credentials_invalid"),
  });
  await client.vms.bucketMounts.attach(vm, { ...bucket(), readOnly: true });
  expect(await sh(client, vm, "touch /mnt/pictures/no 2>&1 | grep -c 'Read-only'")).toBe("1");
  await client.vms.delete(vm);
  expect(await tools()).toEqual([]);
  expect(await readdir(join(daemon.config.dataDir, "buckets"))).toEqual([]);
  expect(await steps.passed()).toContain("bucket.started");
});
