import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { sh } from "../harness/guest.ts";
import { processOf } from "../harness/processes.ts";

const ROOT_GIB = "df --output=size -BG / | tail -1 | tr -dc 0-9";

describe("a VM's disk", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test("is as large as asked for, and can be grown by a restore", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2", diskGiB: 20 });
    expect(vm.diskGiB).toBe(20);
    expect(Number(await sh(client, vm, ROOT_GIB))).toBeGreaterThanOrEqual(19);
    await sh(client, vm, "echo kept > /root/kept");
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const larger = await client.vms.launch({ snapshotId: snapshot.id, diskGiB: 40 });
    expect(larger.diskGiB).toBe(40);
    expect(Number(await sh(client, larger, ROOT_GIB))).toBeGreaterThanOrEqual(39);
    expect(await sh(client, larger, "cat /root/kept")).toBe("kept");
    // What QEMU may write goes with it: the whole disk, a 4096th of it for tables, and 64 MiB.
    for (const each of [vm, larger]) {
      const { pid } = await processOf(daemon.dataDir, each.id);
      const limits = await readFile(`/proc/${pid}/limits`, "latin1");
      const bytes = each.diskGiB * (2 ** 30 + 2 ** 18) + 2 ** 26;
      expect(limits).toMatch(new RegExp(`^Max file size +${bytes} `, "m"));
    }
    await client.vms.pause(larger);
    await client.vms.resume(larger);
    expect(Number(await sh(client, larger, ROOT_GIB))).toBeGreaterThanOrEqual(39);
  });

  test("is never made smaller", async () => {
    await expect(client.vms.launch({ machineType: "c1m2", diskGiB: 5 })).rejects.toMatchObject({
      status: 400,
    });
    const vm = await client.vms.launch({ machineType: "c1m2", diskGiB: 12 });
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    await expect(client.vms.launch({ snapshotId: snapshot.id, diskGiB: 11 })).rejects.toMatchObject({
      status: 400,
    });
  });

  test("with many layers is shortened while the VM runs", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    for (let round = 0; round < 20; round++) {
      await sh(
        client,
        vm,
        `echo ${round} >> /root/rounds; head -c 100000 /dev/urandom > /root/file-${round}`,
      );
      const snapshot = await client.snapshots.create({ vmId: vm.id });
      await client.snapshots.delete(snapshot);
    }
    const hash = await sh(client, vm, "cat /root/file-* | sha256sum");
    expect(await sh(client, vm, "wc -l < /root/rounds")).toBe("20");
    await expect.poll(() => layers(vm.id), { timeout: 20_000 }).toBeLessThan(10);
    const last = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: last.id });
    expect(
      await sh(client, restored, "sync; echo 3 > /proc/sys/vm/drop_caches; cat /root/file-* | sha256sum"),
    ).toBe(hash);
  });

  async function layers(vmId: string): Promise<number> {
    return (await readdir(`${daemon.dataDir}/vms/${vmId}/disk`)).length;
  }
});
