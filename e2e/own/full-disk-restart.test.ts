import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { LoopFilesystem } from "../harness/loop-filesystem.ts";
import { processOf } from "../harness/processes.ts";

const DISK_MIB = 2048;
const FULL_MS = 60_000;
const GOES_ON_MS = 60_000;
/** Written by the guest, and more than there is room for. */
const WRITE =
  "yes 0123456789abcde | head -c 96M > /root/large && sync && sha256sum < /root/large > /root/sum";

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
});

afterAll(async () => {
  try {
    await disk?.freeUp();
    await daemon?.[Symbol.asyncDispose]();
  } finally {
    await disk?.[Symbol.asyncDispose]();
  }
});

test("a guest that was stopped for want of room goes on after a restart of the daemon, with its memory", async () => {
  await disk.leaveFree(32);
  // Of the guest's own: a command of a daemon that is killed ends with it.
  await sh(client, vm, `setsid sh -c '${WRITE}' >/dev/null 2>&1 &`);
  await eventually(async () => expect(await disk.freeMib()).toBeLessThan(1), FULL_MS);
  // QEMU has stopped it by the time of its next write.
  await sleep(1_000);
  await daemon.sigkill();
  // Still full: what the daemon needs for a start it has kept.
  await daemon.restart();
  client = daemon.client;
  expect((await client.vms.get(vm)).status).toBe("running");
  expect((await processOf(daemon.config.dataDir, vm.id)).pid).toBe(pid);
  await disk.freeUp();
  await eventually(async () => expectContinues(await askKeeper(client, vm), memory), GOES_ON_MS);
  await sh(client, vm, "until [ -s /root/sum ]; do sleep 0.1; done");
  const expected = await sh(client, vm, "yes 0123456789abcde | head -c 96M | sha256sum");
  expect(await sh(client, vm, "cat /root/sum")).toBe(expected);
});
