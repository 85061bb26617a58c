import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DiskReserve } from "./disk-reserve.ts";

const MIB = 1024 ** 2;

let folder: string;
let reserve: DiskReserve;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-reserve-"));
  reserve = new DiskReserve(folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const file = () => join(folder, "reserve");
const full = (): Error => Object.assign(new Error("no space"), { code: "ENOSPC" });

test("is filled with blocks of its own, once", async () => {
  await reserve.fill();
  const filled = await stat(file());
  expect(filled.size).toBe(16 * MIB);
  expect(filled.blocks * 512).toBeGreaterThanOrEqual(filled.size);
  expect(filled.mode & 0o777).toBe(0o600);
  await reserve.fill();
  expect((await stat(file())).mtimeMs).toBe(filled.mtimeMs);
});

test("gives up part after part to work that finds the disk full, then lets it fail", async () => {
  await reserve.fill();
  let tried = 0;
  const twice = reserve.lend(async () => {
    if (++tried < 3) throw tried === 1 ? full() : new FastvmError("out_of_disk");
    return (await stat(file())).size;
  });
  expect(await twice).toBe(8 * MIB);
  expect(await reserve.lendAtNeed(async () => (await stat(file())).size)).toBe(8 * MIB);
  const failure = full();
  await expect(reserve.lend(() => Promise.reject(failure))).rejects.toBe(failure);
  expect((await stat(file())).size).toBe(0);
  await reserve.fill();
  expect((await stat(file())).size).toBe(16 * MIB);
});

test("is no help against other failures, and stays for one that it could help against", async () => {
  await writeFile(file(), Buffer.alloc(MIB));
  await expect(reserve.lend(() => Promise.reject(new Error("a port is taken")))).rejects.toThrow("port");
  expect((await stat(file())).size).toBe(MIB);
});
