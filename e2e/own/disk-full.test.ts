import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { GeneratedClient } from "../harness/generated-client.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { LoopFilesystem } from "../harness/loop-filesystem.ts";
import { processOf } from "../harness/processes.ts";

const DISK_MIB = 3072;
/** Above what the daemon wants free before it begins, and below what the capture needs. */
const TOO_LITTLE_MIB = 300;
const MEMORY_MIB = 400;
const OUT_OF_DISK = { status: 507, code: "out_of_disk" };

/** Another filesystem than the cache's: templates are copied here, where links end. */
describe("a data folder whose disk is full", () => {
  let disk: LoopFilesystem;
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vm: Vm;
  let memory: Memory;
  let pid: number;

  beforeAll(async () => {
    disk = await LoopFilesystem.mount("ext4", DISK_MIB);
    daemon = await TestDaemon.start({ dataDir: join(disk.folder, "data"), poolSize: 0 });
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2" });
    ({ pid } = await processOf(daemon.config.dataDir, vm.id));
    memory = await startKeeper(client, vm);
    await writeMemory();
  });

  afterAll(async () => {
    try {
      await disk?.freeUp();
      await daemon?.[Symbol.asyncDispose]();
    } finally {
      await disk?.[Symbol.asyncDispose]();
    }
  });

  let written = 0;

  /** A capture needs room for what was written since the last one: all of it, again. */
  async function writeMemory(): Promise<void> {
    written += 1;
    await sh(client, vm, `yes ${written} | head -c ${MEMORY_MIB}M > /dev/shm/large`);
  }

  async function failureOf(work: Promise<unknown>): Promise<unknown> {
    return await work.then(
      () => "no failure",
      (error: unknown) => error,
    );
  }

  /** The same process goes on, and of the failed capture nothing is left. */
  async function expectUnharmed(): Promise<void> {
    expect((await client.vms.list()).map(({ id, status }) => ({ id, status }))).toEqual([
      { id: vm.id, status: "running" },
    ]);
    expect((await processOf(daemon.config.dataDir, vm.id)).pid).toBe(pid);
    expectContinues(await askKeeper(client, vm), memory);
    expect(await client.snapshots.list()).toEqual([]);
    for (const folder of ["snapshots", "paused", "forks"]) {
      expect(await readdir(join(daemon.config.dataDir, folder))).toEqual([]);
    }
  }

  test("keeps no half snapshot, and the VM runs on; with room again the same call succeeds", async () => {
    await disk.leaveFree(TOO_LITTLE_MIB);
    expect(await failureOf(client.snapshots.create({ vmId: vm.id }))).toMatchObject(OUT_OF_DISK);
    await expectUnharmed();
    await disk.freeUp();
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    expectContinues(await askKeeper(client, restored), memory);
    await client.vms.delete(restored);
    await client.snapshots.delete(snapshot);
  });

  test("does not end a VM that cannot be paused; with room again it can", async () => {
    await writeMemory();
    await disk.leaveFree(TOO_LITTLE_MIB);
    expect(await failureOf(client.vms.pause(vm))).toMatchObject(OUT_OF_DISK);
    await expectUnharmed();
    await disk.freeUp();
    expect((await client.vms.pause(vm)).status).toBe("paused");
    await client.vms.resume(vm);
    ({ pid } = await processOf(daemon.config.dataDir, vm.id));
    expectContinues(await askKeeper(client, vm), memory);
  });

  test("makes no children of a VM that cannot be forked; with room again it does", async () => {
    await writeMemory();
    await disk.leaveFree(TOO_LITTLE_MIB);
    expect(await failureOf(client.vms.fork(vm, { count: 2 }))).toMatchObject(OUT_OF_DISK);
    await expectUnharmed();
    await disk.freeUp();
    const { children } = await client.vms.fork(vm, { count: 1 });
    const [child] = children;
    if (child?.vm === undefined) throw new Error(child?.error.error);
    expectContinues(await askKeeper(client, child.vm), memory);
    await client.vms.delete(child.vm);
  });

  test("still answers, and says so, when not a block is left", async () => {
    await disk.fill();
    for (const work of [
      () => client.snapshots.create({ vmId: vm.id }),
      () => client.vms.pause(vm),
      () => client.vms.fork(vm),
      () => client.vms.launch({ machineType: "c1m2" }),
    ]) {
      expect(await failureOf(work())).toMatchObject(OUT_OF_DISK);
    }
    await expectUnharmed();
    await disk.freeUp();
    await expectUnharmed();
  });

  test("tells clients that try three times not to", async () => {
    await writeMemory();
    await disk.leaveFree(TOO_LITTLE_MIB);
    const generated = new GeneratedClient({ baseUrl: daemon.url, apiKey: daemon.apiKey });
    const outcome = await generated.send("POST", "/v1/snapshots", { body: { vmId: vm.id } });
    expect(outcome.attempts).toMatchObject([{ status: 507, headers: { "x-should-retry": "false" } }]);
    await disk.freeUp();
    await expectUnharmed();
  });

  test("stops a guest that fills it, which goes on when there is room", async () => {
    await disk.leaveFree(32);
    const writing = client.vms.run(
      vm,
      "yes 0123456789abcde | head -c 96M > /root/large && sync && sha256sum < /root/large",
    );
    await eventually(async () => expect(await disk.freeMib()).toBeLessThan(1), 60_000);
    await sleep(1_000);
    expect((await client.vms.get(vm)).status).toBe("running");
    await disk.freeUp();
    const { exitCode, stdout } = await writing;
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${await sh(client, vm, "yes 0123456789abcde | head -c 96M | sha256sum")}\n`);
    expectContinues(await askKeeper(client, vm), memory);
  });
});

describe("a data folder on a filesystem that shares extents", () => {
  test("serves snapshots, restores and pauses", async () => {
    await using disk = await LoopFilesystem.mount("xfs", DISK_MIB);
    await using daemon = await TestDaemon.start({ dataDir: join(disk.folder, "data"), poolSize: 1 });
    const { client } = daemon;
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const memory = await startKeeper(client, vm);
    // More than children are given one by one: it is melted into a base that shares the template's extents.
    await sh(client, vm, "yes | head -c 80M > /dev/shm/large");
    const freeBefore = await disk.freeMib();
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const tookMib = freeBefore - (await disk.freeMib());
    expect(tookMib).toBeGreaterThan(80);
    expect(tookMib).toBeLessThan(200);
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    expectContinues(await askKeeper(client, restored), memory);
    await client.vms.pause(restored);
    await client.vms.resume(restored);
    expectContinues(await askKeeper(client, restored), memory);
    expect(await sh(client, restored, "head -c 80M /dev/shm/large | sha256sum")).toBe(
      await sh(client, vm, "sha256sum < /dev/shm/large"),
    );
  });
});
