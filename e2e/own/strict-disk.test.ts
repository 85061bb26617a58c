/** What becomes of the disks of VMs that ran when their host lost power. */
import { execFileSync } from "node:child_process";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { LoopFilesystem } from "../harness/loop-filesystem.ts";
import { processesIn } from "../harness/processes.ts";

const DISK_MIB = 2048;
/** A boot takes some ten seconds under emulation, on a busy machine some times that. */
const BOOT_DEADLINE_MS = 150_000;

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

/** Whatever else it may be after a cut, this is no layer of a disk. */
async function spoilDisk(vm: Vm): Promise<void> {
  const layers = join(daemon.config.dataDir, "stopped", vm.id, "disk");
  const top =
    (await readdir(layers))
      .filter((name) => name.endsWith(".qcow2"))
      .toSorted()
      .at(-1) ?? "";
  await chmod(join(layers, top), 0o600);
  await writeFile(join(layers, top), "nothing of a disk");
}

async function expectLost(vm: Vm): Promise<void> {
  const { status, statusReason } = await client.vms.get(vm);
  expect([status, statusReason]).toEqual(["error", expect.stringContaining("power cut")]);
}

test("a strict VM has what it had flushed and runs again by itself, others start after a check of their disks", async () => {
  const checked = await client.vms.launch({ machineType: "c1m2" });
  const spoilt = await client.vms.launch({ machineType: "c1m2" });
  await sh(client, checked, "echo lucky > /root/note; sync");
  execFileSync("sync", ["-f", disk.folder]);
  const strict = await client.vms.launch({ machineType: "c1m2", restartPolicy: "on-host-failure" });
  expect(strict.durability).toBe("strict");
  await sh(client, strict, "echo flushed > /root/note; sync /root/note /root");
  await failPower();

  for (const vm of [checked, spoilt]) await expectLost(vm);
  await spoilDisk(spoilt);
  await expect(client.vms.start(spoilt)).rejects.toThrow(/does not pass the check/);
  expect((await client.vms.get(spoilt)).status).toBe("stopped");
  await Promise.all([
    client.vms.start(checked),
    eventually(async () => {
      const { status, statusReason } = await client.vms.get(strict);
      expect(status, statusReason).toBe("running");
    }, BOOT_DEADLINE_MS),
  ]);
  expect(await sh(client, strict, "cat /root/note")).toBe("flushed");
  expect(await sh(client, checked, "cat /root/note")).toBe("lucky");
});
