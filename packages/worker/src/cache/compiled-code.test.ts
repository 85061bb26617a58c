import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BuildCaches, buildCachesIn } from "./build-caches.ts";
import { Cache } from "./cache.ts";
import { trimCompiledCode } from "./compiled-code.ts";

const KIB = 1024;
const FILE_BYTES = 64 * KIB;
const DAY_MS = 86_400_000;
const NOW = "v24.21.0-x64-964aae3f-0";
const BEFORE = "v24.20.0-x64-964aae3f-0";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-compiled-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function compiled(version: string, name: string, daysAgo: number): Promise<void> {
  await mkdir(join(folder, "compile", version), { recursive: true });
  const path = join(folder, "compile", version, name);
  await writeFile(path, Buffer.alloc(FILE_BYTES, 1));
  const written = new Date(Date.now() - 100 * DAY_MS);
  await utimes(path, new Date(Date.now() - daysAgo * DAY_MS), written);
}

const left = async (version: string) => (await readdir(join(folder, "compile", version))).toSorted();

test("what a month has not read goes, and of another Node what two days have not, with its folder", async () => {
  for (const [name, daysAgo] of [
    ["new", 0],
    ["rare", 29],
    ["old", 31],
  ] as const)
    await compiled(NOW, name, daysAgo);
  await compiled(BEFORE, "other", 3);
  await compiled("v25.0.0", "other", 1);
  await trimCompiledCode(folder, NOW);
  expect(await left(NOW)).toEqual(["new", "rare"]);
  expect(await left("v25.0.0")).toEqual(["other"]);
  expect(existsSync(join(folder, "compile", BEFORE))).toBe(false);
});

test("there is so much at most: what was not read for the longest time goes", async () => {
  for (let day = 0; day < 5; day++) await compiled(NOW, `${day}`, day);
  await compiled(BEFORE, "other", 1.5);
  await trimCompiledCode(folder, NOW, { bytes: 3.5 * FILE_BYTES });
  expect(await left(NOW)).toEqual(["0", "1"]);
  expect(await left(BEFORE)).toEqual(["other"]);
});

test("there are so many at most, however small", async () => {
  for (let day = 0; day < 5; day++) await compiled(NOW, `${day}`, day);
  await trimCompiledCode(folder, NOW, { files: 3 });
  expect(await left(NOW)).toEqual(["0", "1", "2"]);
});

test("it counts in the cache, whose sweep makes it small and leaves what is used", async () => {
  await compiled(NOW, "new", 0);
  await compiled(BEFORE, "other", 3);
  const template = join(folder, "templates", "a".repeat(64));
  await mkdir(template, { recursive: true });
  await writeFile(join(template, "state"), Buffer.alloc(FILE_BYTES, 1));
  const long = new Date(Date.now() - DAY_MS);
  await utimes(template, long, long);
  const cache = new Cache({
    ...{ folder, budgetBytes: 1.5 * FILE_BYTES },
    ...{ shelf: { shelved: async () => [], evict: async () => false } },
    builds: new BuildCaches(buildCachesIn(folder)),
    onError: (error) => expect.unreachable(String(error)),
  });
  const ofCode = async () => (await cache.usage()).kinds.find(({ kind }) => kind === "compile");
  expect(await ofCode()).toMatchObject({ entries: 2, bytes: 2 * FILE_BYTES, unneeded: 0 });
  await cache.sweep();
  expect(await ofCode()).toMatchObject({ entries: 1, bytes: FILE_BYTES });
  expect(existsSync(template)).toBe(false);
  await cache.close();
});

test("without any nothing happens", async () => {
  await trimCompiledCode(folder, undefined);
  expect(existsSync(join(folder, "compile"))).toBe(false);
});
