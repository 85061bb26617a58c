import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";

const ROOT = "/var/cache/fastvm-test";
const SOURCE = fileURLToPath(new URL("../../packages/worker/src/", import.meta.url));
/** The daemon's code for control groups, whole. */
const MODULES = ["host/cgroups", "host/cgroup-hierarchy", "host/cgroup-files", "files/errno"];
/** A guest under emulation starts Node in seconds, and on a busy machine in many. */
const SCRIPT_LIMIT_MS = 240_000;
const TEST_LIMIT_MS = SCRIPT_LIMIT_MS + 60_000;

/** Plays a daemon on a host whose systemd has version 2 alone; prints what it found. */
const SCRIPT = `
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Cgroups } from "./host/cgroups.mjs";

const cgroups = await Cgroups.open("guest");
const [small] = await cgroups.make("small", { cpu: 1, memoryMib: 16 });
const [large] = await cgroups.make("large", { cpu: 4, memoryMib: 1024 });
const read = (group, file) => readFileSync(group + "/" + file, "utf8").trim();
const settings = Object.fromEntries(
  ["memory.max", "cpu.weight", "pids.max"].map((file) => [file, [read(small, file), read(large, file)]]),
);

const inGroup = (group, script) =>
  spawn("sh", ["-c", 'echo 0 > "$0/cgroup.procs"; exec sh -c "$1"', group, script], { stdio: "ignore" });

const hungry = inGroup(small, "head -c 1500M /dev/zero | tail -c 1400M | cat > /dev/null");
await once(hungry, "exit");
const ranOut = [await cgroups.ranOutOfMemory("small"), await cgroups.ranOutOfMemory("large")];

const forker = inGroup(small, "exec python3 threads.py");
while (Number(read(small, "pids.events").split(" ")[1]) === 0) await sleep(100);
const tasks = Number(read(small, "pids.current"));
writeFileSync(small + "/cgroup.kill", "1");
await once(forker, "exit");

const busy = [small, large].map((group) => inGroup(group, "while :; do :; done"));
while ((await cgroups.processesOf("large")).length === 0) await sleep(100);
const used = () => [small, large].map((group) => Number(/usage_usec (\\d+)/.exec(read(group, "cpu.stat"))[1]));
const before = used();
// Both have had a good deal, however slowly the guest runs.
while (used()[1] - before[1] < 4e6) await sleep(100);
const cpu = used().map((each, index) => each - before[index]);
for (const each of busy) each.kill("SIGKILL");

const origin = read("/proc/self", "cgroup");
await cgroups.joinAsDaemon();
const joined = [read("/proc/self", "cgroup"), read(small + "/../daemon", "cpu.weight"), await cgroups.list()];
for (const name of ["small", "large"]) await cgroups.remove(name);
await cgroups.close();
const left = [read("/proc/self", "cgroup") === origin, existsSync(small + "/..")];

console.log(JSON.stringify({ inForce: [...cgroups.inForce], settings, ranOut, tasks, cpu, joined, left }));
`;

/** Starts threads until it may not, and waits. */
const THREADS = `
import threading, time
try:
    while True: threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
except RuntimeError:
    time.sleep(300)
`;

interface Found {
  readonly inForce: readonly (readonly [string, number])[];
  readonly settings: Readonly<Record<string, readonly string[]>>;
  readonly ranOut: readonly boolean[];
  readonly tasks: number;
  readonly cpu: readonly [number, number];
  readonly joined: readonly [string, string, readonly string[]];
  readonly left: readonly boolean[];
}

describe("on a host with version 2 of control groups, which a guest plays", () => {
  let daemon: TestDaemon;
  let vm: Vm;
  let folder: string;
  let found: Found;

  beforeAll(async () => {
    await mkdir(ROOT, { recursive: true });
    folder = await mkdtemp(join(ROOT, "groups-"));
    await writeProgram(folder);
    daemon = await TestDaemon.start({ poolSize: 0 });
    vm = await daemon.client.vms.launch({ machineType: "c1m2" });
    await daemon.client.upload(vm, folder, "/root/groups");
    const result = await daemon.client.vms.run(vm, "cd /root/groups && chmod +x node && ./node main.mjs", {
      timeoutMs: SCRIPT_LIMIT_MS,
    });
    expect(result.stderr).toBe("");
    found = JSON.parse(result.stdout) as Found;
  }, TEST_LIMIT_MS);

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("memory, processors and threads are bounded; disks where the kernel weighs them", () => {
    const inForce = new Map(found.inForce);
    expect([...inForce.keys()]).toEqual(expect.arrayContaining(["memory", "cpu", "pids"]));
    expect(new Set(inForce.values())).toEqual(new Set([2]));
    expect(found.settings).toEqual({
      "memory.max": [`${(16 + 512) * 2 ** 20}`, `${(1024 + 512) * 2 ** 20}`],
      "cpu.weight": ["100", "400"],
      "pids.max": ["512", "512"],
    });
  });

  test("what wants more memory is ended, and its group alone tells so", () => {
    expect(found.ranOut).toEqual([true, false]);
  });

  test("threads without end find one", () => {
    expect(found.tasks).toBeLessThanOrEqual(512);
  });

  test("of a processor that both want, four vCPUs get more than one", () => {
    const [one, four] = found.cpu;
    expect(four / one).toBeGreaterThan(2);
  });

  test("the daemon joins a group above all others, and leaves nothing", () => {
    const [group, weight, vms] = found.joined;
    expect(group).toMatch(/^0::\/fastvm-guest\/daemon$/m);
    expect(weight).toBe("10000");
    expect(vms.toSorted()).toEqual(["large", "small"]);
    expect(found.left).toEqual([true, false]);
  });
});

/** Without types and under other names, as the guest's Node would take long to read TypeScript. */
async function writeProgram(target: string): Promise<void> {
  for (const module of MODULES) {
    const text = stripTypeScriptTypes(await readFile(join(SOURCE, `${module}.ts`), "utf8"));
    const file = join(target, `${module}.mjs`);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.mjs"'));
  }
  await writeFile(join(target, "main.mjs"), SCRIPT);
  await writeFile(join(target, "threads.py"), THREADS);
  await copyFile(process.execPath, join(target, "node"));
}
