/** What is told to be kept is kept when the power fails at that moment: of a fork's child, whose page files nobody has synced before. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { LoopFilesystem } from "../harness/loop-filesystem.ts";
import { processesIn } from "../harness/processes.ts";

const DISK_MIB = 3072;
/** More than a child writes into its own memory: it has the rest mapped from the page files that the fork made. */
const LARGE_MIB = 80;

let disk: LoopFilesystem;
let daemon: TestDaemon;
let client: FastvmClient;

beforeAll(async () => {
  disk = await LoopFilesystem.mount("ext4", DISK_MIB);
  daemon = await TestDaemon.start({ dataDir: join(disk.folder, "data"), poolSize: 0 });
  client = daemon.client;
});

afterAll(async () => {
  try {
    await daemon?.[Symbol.asyncDispose]();
  } finally {
    await disk?.[Symbol.asyncDispose]();
  }
});

async function failPower(): Promise<void> {
  const pids = [await daemon.pid(), ...(await processesIn(daemon.config.dataDir)).map(({ pid }) => pid)];
  await disk.cutPower();
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await disk.bringPowerBack();
  await daemon.restart();
  client = daemon.client;
}

async function expectWhole(vm: Pick<Vm, "id">, memory: Memory, sum: string): Promise<void> {
  expectContinues(await askKeeper(client, vm), memory);
  expect(await sh(client, vm, "md5sum < /dev/shm/large")).toBe(sum);
  expect(await sh(client, vm, "cat /root/note")).toBe("of the child");
}

test("a snapshot and a pause of a fork's children are whole after a power failure", async () => {
  const source = await client.vms.launch({ machineType: "c1m2" });
  const memory = await startKeeper(client, source);
  await sh(client, source, `head -c ${LARGE_MIB}M /dev/urandom > /dev/shm/large`);
  const sum = await sh(client, source, "md5sum < /dev/shm/large");
  const { children } = await client.vms.fork(source, { count: 2 });
  const forked = children.flatMap(({ vm }) => vm ?? []);
  const [kept, paused] = forked;
  if (kept === undefined || paused === undefined) throw new Error("the fork has too few children");
  for (const child of forked) await sh(client, child, "echo of the child > /root/note");
  const snapshot = await client.snapshots.create({ vmId: kept.id });
  await client.vms.pause(paused);
  await failPower();

  await client.vms.resume(paused);
  await expectWhole(paused, memory, sum);
  await expectWhole(await client.vms.launch({ snapshotId: snapshot.id }), memory, sum);
  // What ran is gone, and says so; what is new runs.
  expect((await client.vms.get(source)).status).toBe("error");
  expect(await sh(client, await client.vms.launch({ machineType: "c1m2" }), "echo new")).toBe("new");
});
