import { mkdtemp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile } from "./durable.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-durable-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("a file that cannot be replaced stays, and what was written aside goes", async () => {
  const path = join(folder, "file");
  await replaceFile(path, "old");
  // A folder that is not empty takes no file's place.
  await mkdir(join(folder, "taken", "inside"), { recursive: true });
  await expect(replaceFile(join(folder, "taken"), "new")).rejects.toThrow();
  expect((await readdir(folder)).toSorted()).toEqual(["file", "taken"]);
  expect(await readFile(path, "utf8")).toBe("old");
});
