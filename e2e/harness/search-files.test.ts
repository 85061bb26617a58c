import { link, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { searchFiles } from "./search-files.ts";

const TEXT = "a text/of its=own";
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-searched-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function formsIn(content: string): Promise<readonly string[]> {
  await writeFile(join(folder, "file"), `\0${content}\0\n`);
  const found = await searchFiles([folder], [TEXT, "another"]);
  expect(found.every(({ text, path }) => text === TEXT && path === join(folder, "file"))).toBe(true);
  return found.map(({ form }) => form);
}

test("a text is found in each of its forms", async () => {
  expect(await formsIn(`xx${TEXT}yy`)).toEqual(["plain"]);
  expect(await formsIn(`a=${encodeURIComponent(TEXT)}`)).toEqual(["encoded"]);
  expect(await formsIn(TEXT.replace(/[^]/g, (one) => `%${one.charCodeAt(0).toString(16)}`))).toEqual([
    "percent",
  ]);
  expect(await formsIn(TEXT.replace(/[^]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`))).toEqual([
    "json",
  ]);
  expect(await formsIn(Buffer.from(TEXT).toString("hex"))).toEqual(["hex"]);
  for (const before of ["", "u", "u:", "us:", "user:"])
    expect(await formsIn(Buffer.from(`${before}${TEXT}#`).toString("base64"))).toEqual([
      `base64 after ${before.length % 3}`,
    ]);
  expect(await formsIn(TEXT.slice(1))).toEqual([]);
});

test("in a large file of holes, under all its names", async () => {
  const path = join(folder, "memory");
  await using file = await open(path, "w");
  await file.truncate(4 * 1024 ** 3);
  await file.write(TEXT, 3 * 1024 ** 3 + 77);
  await link(path, `${path}.linked`);
  const found = await searchFiles([folder], [TEXT]);
  expect(found.every(({ form }) => form === "plain")).toBe(true);
  expect(new Set(found.map((one) => one.path))).toEqual(new Set([path, `${path}.linked`]));
});
