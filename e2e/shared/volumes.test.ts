/** Two VMs see one folder at once, and what they write to it outlives them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm, Volume } from "fastvm";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

let daemon: TestDaemon;
let client: FastvmClient;
let volume: Volume;
let vms: readonly Vm[];

beforeAll(async () => {
  daemon = await TestDaemon.start();
  client = daemon.client;
  volume = await client.volumes.create({ name: "data", sizeGiB: 1 });
  const volumes = [{ volumeId: "data", mountPath: "/mnt/data" }];
  const launch = () => client.vms.launch({ machineType: "c1m2", volumes });
  vms = await Promise.all([launch(), launch()]);
});

afterAll(() => daemon?.[Symbol.asyncDispose]());

test("what one VM writes the other reads, and the host's own calls too", async () => {
  const [one, other] = vms as [Vm, Vm];
  expect(one.volumes).toMatchObject([{ volumeId: volume.id, mountStatus: "mounted" }]);
  await sh(client, one, "cd /mnt/data && mkdir in && echo from-one > in/text && ln -s in/text link");
  expect(await sh(client, other, "cat /mnt/data/link && echo more >> /mnt/data/in/text")).toBe("from-one");
  expect(await sh(client, one, "cat /mnt/data/in/text")).toBe("from-one\nmore");
  expect(await client.volumes.files.read(volume, "/in/text")).toBe("from-one\nmore\n");
  const listed = await runCli(["volume", "files", "ls", "data", "/"], daemon.environment);
  expect(listed.stdout).toContain("link -> in/text");
  expect((await client.volumes.get(volume)).mountedCount).toBe(2);
  await expect(client.volumes.delete(volume)).rejects.toMatchObject({ code: "volume_busy" });
});

test("a pause and a resume bring it back, and a child that only reads does not write", async () => {
  const [one] = vms as [Vm, Vm];
  await client.vms.pause(one);
  expect((await client.vms.resume(one)).volumes).toMatchObject([{ mountStatus: "mounted" }]);
  expect(await sh(client, one, "cat /mnt/data/in/text")).toBe("from-one\nmore");
  const { children } = await client.vms.fork(one, { volumes: "read-only" });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  expect(
    await sh(client, child, "cat /mnt/data/in/text; touch /mnt/data/no 2>&1 | grep -c 'Read-only'"),
  ).toBe("from-one\nmore\n1");
  await client.vms.delete(child);
});

test("it is not taken from a VM that uses it, but by force; then it goes", async () => {
  const [one, other] = vms as [Vm, Vm];
  await sh(client, one, "cd /mnt/data && (sleep 600 >/dev/null 2>&1 &)");
  await expect(client.vms.volumes.detach(one, volume)).rejects.toMatchObject({ code: "guest_umount_busy" });
  expect((await client.vms.volumes.detach(one, volume, { force: true })).detached).toBe(true);
  expect(await sh(client, one, "ls -A /mnt/data")).toBe("");
  await client.vms.delete(other);
  await client.volumes.delete(volume);
  expect(await client.volumes.list()).toEqual([]);
});
