/** A backup that is taken while VMs run is whole or not there, and what was restored of it, elsewhere, launches. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { runProgram } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";

const ROOT = "/var/cache/fastvm-test";
const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = "packages/cli/src/main.ts";
/** Of the base image's 900 MiB a copy and its digest; seconds on a disk that nobody else uses. */
const COMMAND_MS = 300_000;
const TEST_MS = 2 * COMMAND_MS;
/** From before it has written anything to where it has nearly ended, on a machine that is quick. */
const KILLED_AFTER_MS = [300, 500, 700, 900, 1200];

let folder: string;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let paused: Vm;
let snapshot: Snapshot;
let captured: Memory;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  folder = await mkdtemp(join(ROOT, "backup-"));
  daemon = await TestDaemon.start();
  client = daemon.client;
  const launch = (name: string): Promise<Vm> => client.vms.launch({ machineType: "c1m2", name });
  [vm, paused] = await Promise.all([launch("runs"), launch("paused")]);
  captured = await startKeeper(client, vm);
  snapshot = await client.snapshots.create({ vmId: vm.id, name: "kept" });
  await sh(client, paused, "echo paused > /root/mark");
  await client.vms.pause(paused);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function fastvm(...args: readonly string[]): Promise<string> {
  const ran = runProgram(PROGRAM, args, environment(), "", () => undefined, COMMAND_MS);
  const { exitCode, stdout, stderr } = await ran;
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

function environment(): Record<string, string> {
  return { ...daemon.environment, FASTVM_CONFIG_FILE: "/dev/null" };
}

async function killed(afterMs: number, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ["--conditions=development", join(REPOSITORY, PROGRAM), ...args], {
    env: environment(),
    stdio: "ignore",
    detached: true,
  });
  const ended = once(child, "exit");
  await Promise.race([ended, sleep(afterMs)]);
  // With what it has started, as by a machine that runs out of memory.
  if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  await ended;
}

test(
  "one that is killed leaves nothing that looks like a backup, and none of the data",
  { timeout: TEST_MS },
  async () => {
    for (const afterMs of KILLED_AFTER_MS) {
      await killed(afterMs, "backup", at("killed"));
      if (existsSync(at("killed"))) {
        // It was through: then it is whole.
        await fastvm("restore", at("killed"), "--data-dir", at("of-killed"));
        await Promise.all(["killed", "of-killed"].map((name) => rm(at(name), { recursive: true })));
      } else if (existsSync(at("killed.unfinished"))) {
        const refused = fastvm("restore", at("killed.unfinished"), "--data-dir", at("of-killed"));
        await expect(refused).rejects.toThrow(/is no backup|not as it was written/);
        expect(existsSync(at("of-killed"))).toBe(false);
      }
    }
  },
);

test(
  "it is consistent while snapshots come and go, and says what it has not",
  { timeout: TEST_MS },
  async () => {
    const busy = (async () => {
      for (let round = 0; round < 3; round++) {
        const { id } = await client.snapshots.create({ vmId: vm.id });
        await client.snapshots.delete(id);
      }
    })();
    const made = await fastvm("backup", at("backup"));
    await busy;
    expect(made).toMatch(/all records, \d snapshots? and 1 paused VM/);
    expect(made).toContain("the disks of 1 VM that are not paused");
    expect((await readdir(daemon.config.dataDir)).filter((name) => name.startsWith("backing-up"))).toEqual(
      [],
    );
    await expect(fastvm("backup", at("backup"))).rejects.toThrow("is there already");
  },
);

test("a byte that changed is found before anything is restored", { timeout: TEST_MS }, async () => {
  const states = at("backup/states.tar");
  await flipByte(states);
  const refused = fastvm("restore", at("backup"), "--data-dir", at("of-damaged"));
  await expect(refused).rejects.toThrow("is not as it was written");
  expect(existsSync(at("of-damaged"))).toBe(false);
  await flipByte(states);
});

test(
  "a daemon on what was restored has the keys, resumes what was paused and launches the snapshots",
  { timeout: TEST_MS },
  async () => {
    await expect(fastvm("restore", at("backup"))).rejects.toThrow("is not empty, and nothing was changed");
    await killed(700, "restore", at("backup"), "--data-dir", at("again"));
    if (!existsSync(at("again"))) await fastvm("restore", at("backup"), "--data-dir", at("again"));
    await using second = await TestDaemon.start({ dataDir: at("again") });
    expect(second.apiKey).toBe(daemon.apiKey);
    const again = second.client;
    const restored = await again.snapshots.restore(snapshot);
    expectContinues(await askKeeper(again, restored), captured);
    await again.vms.resume(paused.id);
    expect(await sh(again, paused, "cat /root/mark")).toBe("paused");
    // What ran is known for lost there, and runs on here.
    expect((await again.vms.get(vm.id)).status).toBe("error");
    expectContinues(await askKeeper(client, vm), captured);
    const others = await again.snapshots.list();
    for (const each of others)
      if (each.status === "ready") await again.vms.delete(await again.snapshots.restore(each));
  },
);

/** In the middle of it; twice is not at all. */
async function flipByte(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const middle = Math.floor((await file.stat()).size / 2);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, middle);
  await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, middle);
}
