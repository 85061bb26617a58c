import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readHostMemory } from "./memory.ts";

const MIB = 1024 ** 2;
const MEMINFO = "MemTotal:       24576000 kB\nMemFree:  1024 kB\nMemAvailable:   20480000 kB\n";
const HOST = { totalMib: 24_000, availableMib: 20_000, group: undefined };
const V1_MOUNT = "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n";
const V2_MOUNT = "31 25 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
const UNLIMITED = "9223372036854771712\n";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-memory-"));
  await put("proc/meminfo", MEMINFO);
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function putV1(folder: string, limit: string, usage = 0, reclaimable = 0): Promise<void> {
  await put(`${folder}/memory.limit_in_bytes`, limit);
  await put(`${folder}/memory.usage_in_bytes`, `${usage}\n`);
  await put(`${folder}/memory.stat`, `inactive_file 1\ntotal_inactive_file ${reclaimable}\n`);
}

async function putV2(folder: string, limit: string, usage = 0, reclaimable = 0): Promise<void> {
  await put(`${folder}/memory.max`, limit);
  await put(`${folder}/memory.current`, `${usage}\n`);
  await put(`${folder}/memory.stat`, `anon 5\ninactive_file ${reclaimable}\nactive_file 7\n`);
}

test("without control groups it is the host's", async () => {
  expect(readHostMemory(root)).toEqual(HOST);
});

test("a group without a limit changes nothing", async () => {
  await put("proc/self/cgroup", "4:memory:/user.slice\n0::/user.slice\n");
  await put("proc/self/mountinfo", V1_MOUNT);
  await putV1("sys/fs/cgroup/memory/user.slice", UNLIMITED, 5 * MIB);
  await putV1("sys/fs/cgroup/memory", UNLIMITED, 5 * MIB);
  expect(readHostMemory(root)).toEqual(HOST);
});

test("version 1: the limit of a container, less what is used and cannot be given back", async () => {
  await put("proc/self/cgroup", "4:cpu,cpuacct:/\n5:memory:/\n");
  await put("proc/self/mountinfo", V1_MOUNT);
  await putV1("sys/fs/cgroup/memory", `${1024 * MIB}\n`, 600 * MIB, 100 * MIB);
  expect(readHostMemory(root)).toEqual({
    totalMib: 1024,
    availableMib: 524,
    group: "/sys/fs/cgroup/memory",
  });
});

test("version 1 in a container that sees its group in place of the root", async () => {
  await put("proc/self/cgroup", "5:memory:/docker/abc/service\n");
  await put("proc/self/mountinfo", V1_MOUNT.replace(" / ", " /docker/abc "));
  await putV1("sys/fs/cgroup/memory/service", UNLIMITED);
  await putV1("sys/fs/cgroup/memory", `${2048 * MIB}\n`, 48 * MIB);
  expect(readHostMemory(root)).toMatchObject({ totalMib: 2048, availableMib: 2000 });
});

test("version 2: the tightest of all groups above", async () => {
  await put("proc/self/cgroup", "0::/machine.slice/fastvm.service\n");
  await put("proc/self/mountinfo", V2_MOUNT);
  await putV2("sys/fs/cgroup/machine.slice", `${3000 * MIB}\n`, 2900 * MIB, 50 * MIB);
  await putV2("sys/fs/cgroup/machine.slice/fastvm.service", `${2000 * MIB}\n`, 500 * MIB);
  expect(readHostMemory(root)).toEqual({
    totalMib: 2000,
    availableMib: 150,
    group: "/sys/fs/cgroup/machine.slice",
  });
});

test("version 2 where the first hierarchy is mounted without the memory controller's", async () => {
  await put("proc/self/cgroup", "1:name=systemd:/\n0::/\n");
  await put(
    "proc/self/mountinfo",
    `29 25 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n${V2_MOUNT}`,
  );
  await putV2("sys/fs/cgroup", `${512 * MIB}\n`, 512 * MIB);
  expect(readHostMemory(root)).toMatchObject({ totalMib: 512, availableMib: 0 });
});

test("a group that leaves more than the host has does not count", async () => {
  await put("proc/self/cgroup", "0::/\n");
  await put("proc/self/mountinfo", V2_MOUNT);
  await putV2("sys/fs/cgroup", `${64_000 * MIB}\n`);
  expect(readHostMemory(root)).toEqual(HOST);
});
