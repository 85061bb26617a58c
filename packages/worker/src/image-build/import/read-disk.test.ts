/** Disks in formats that have more in them than the disk, with the reader as a build VM runs it, on this machine. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const READER = fileURLToPath(new URL("read-disk.py", import.meta.url));
const MIB = 1024 ** 2;
const DISK_BYTES = 40 * MIB;
const MAX_BYTES = 64 * MIB;

let folder: string;
let raw: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-disks-"));
  raw = at("disk.raw");
  await writeFile(raw, "");
  await truncate(raw, DISK_BYTES);
  await using file = await open(raw, "r+");
  // What compresses and what does not, across clusters, and the last sector.
  await file.write(Buffer.alloc(3 * MIB, "a text that goes on and on. "), 0, 3 * MIB, MIB - 512);
  await file.write(randomBytes(200_000), 0, 200_000, 20 * MIB + 7);
  await file.write(randomBytes(512), 0, 512, DISK_BYTES - 512);
});

afterAll(() => rm(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

/** What the reader says when it fails, or the disk's size. */
async function size(format: string, path: string): Promise<string> {
  return await read(["size", format, path, `${(await stat(path)).size}`]);
}

async function copy(format: string, path: string, maxBytes = MAX_BYTES): Promise<string> {
  await writeFile(at("target"), "");
  await truncate(at("target"), DISK_BYTES);
  return await read(["copy", format, path, `${(await stat(path)).size}`, at("target"), `${maxBytes}`]);
}

async function read(args: readonly string[]): Promise<string> {
  try {
    return (await run("python3", [READER, ...args])).stdout.trim();
  } catch (error) {
    return (error as { stderr: string }).stderr.trim().split("\n").at(-1) ?? "";
  }
}

const convert = async (name: string, ...options: string[]): Promise<string> => {
  await run("qemu-img", ["convert", "-f", "raw", ...options, raw, at(name)]);
  return at(name);
};

test.each([
  ["qcow2", ["-O", "qcow2"]],
  ["qcow2", ["-O", "qcow2", "-o", "compat=0.10"]],
  ["qcow2", ["-O", "qcow2", "-c"]],
  ["qcow2", ["-O", "qcow2", "-o", "cluster_size=512"]],
  ["qcow2", ["-O", "qcow2", "-c", "-o", "cluster_size=2M"]],
  ["vmdk", ["-O", "vmdk"]],
  ["vmdk", ["-O", "vmdk", "-o", "subformat=streamOptimized"]],
])("a %s is read as qemu-img wrote it (%j)", async (format, options) => {
  const path = await convert(`disk-${options.join("")}`, ...options);
  expect(await size(format, path)).toBe(`${DISK_BYTES}`);
  expect(await copy(format, path)).toBe("");
  expect((await readFile(at("target"))).equals(await readFile(raw))).toBe(true);
  // Zeros take no room.
  expect((await stat(at("target"))).blocks * 512).toBeLessThan(DISK_BYTES / 2);
  expect(await copy(format, path, MIB)).toMatch(/^refused: it has more than 1048576 bytes/);
});

/** The file with some of its bytes replaced. */
async function patched(from: string, ...changes: readonly (readonly [number, Buffer])[]): Promise<string> {
  await copyFile(from, at("patched"));
  await using file = await open(at("patched"), "r+");
  for (const [offset, bytes] of changes) await file.write(bytes, 0, bytes.length, offset);
  return at("patched");
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

test("what a qcow2 has elsewhere is refused, and never opened", async () => {
  const backed = [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-b",
    "/etc/passwd",
    "-F",
    "raw",
    at("backed"),
    `${DISK_BYTES}`,
  ];
  await run("qemu-img", backed);
  expect(await size("qcow2", at("backed"))).toBe("refused: it has a backing file");
  const data = [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-o",
    `data_file=${at("data")}`,
    at("with-data"),
    `${DISK_BYTES}`,
  ];
  await run("qemu-img", data);
  expect(await size("qcow2", at("with-data"))).toBe("refused: it has a data file");
});

test("a qcow2 of tables without end, in circles or beyond its end is refused", async () => {
  const path = await convert("good.qcow2", "-O", "qcow2");
  expect(await size("qcow2", await patched(path, [24, u64(1n << 62n)]))).toMatch(
    /^refused: its disk has 4611/,
  );
  expect(await size("qcow2", await patched(path, [36, u32(0x7fff_ffff)]))).toMatch(
    /^refused: its table of tables/,
  );
  expect(await size("qcow2", await patched(path, [36, u32(0)]))).toMatch(/^refused: its table of tables/);
  expect(await size("qcow2", await patched(path, [20, u32(60)]))).toMatch(/^refused: its clusters/);
  expect(await size("qcow2", await patched(path, [72, u64(1n << 40n)]))).toMatch(/^refused: it has features/);
  expect(await copy("qcow2", await patched(path, [40, u64(1n << 50n)]))).toBe(
    "refused: it names what is beyond its end",
  );
  // Two TiB, each part of it by the one table that there is: 4,096 tables of 512 MiB.
  const l1 = Number((await readFile(path)).readBigUInt64BE(40));
  const l2 = (await readFile(path)).readBigUInt64BE(l1);
  const bomb = Buffer.concat(Array.from({ length: 4096 }, () => u64(l2)));
  const endless = await patched(path, [24, u64(1n << 41n)], [36, u32(4096)], [l1, bomb]);
  expect(await size("qcow2", endless)).toBe(`${2 ** 41}`);
  expect(await copy("qcow2", endless)).toMatch(/^refused: a table of it is in two places/);
});

test("a vmdk of other files, of a parent, or of nothing that fits is refused", async () => {
  const flat = await convert("flat.vmdk", "-O", "vmdk", "-o", "subformat=monolithicFlat");
  expect(await size("vmdk", flat)).toBe("refused: it names extents, which are other files");
  const good = await convert("good.vmdk", "-O", "vmdk");
  const described = await readFile(good);
  const replace = async (from: string, to: string): Promise<string> => {
    const found = described.indexOf(from);
    expect(found).toBeGreaterThan(0);
    return await size("vmdk", await patched(good, [found, Buffer.from(to)]));
  };
  expect(await replace("parentCID=ffffffff", "parentCID=00000001")).toBe("refused: it has a backing file");
  expect(await replace(" SPARSE ", " FLAT   ")).toBe("refused: it names extents, which are other files");
  expect(await size("vmdk", await patched(good, [12, Buffer.alloc(8, 255)]))).toMatch(
    /^refused: its disk has/,
  );
  expect(await size("vmdk", await patched(good, [44, Buffer.alloc(4)]))).toMatch(/^refused: its grains/);
  expect(await size("vmdk", raw)).toBe("refused: it is no vmdk of one file");
  expect(await size("qcow2", good)).toBe("refused: it is no qcow2");
});
