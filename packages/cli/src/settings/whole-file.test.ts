import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeWholeFile } from "./whole-file.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-whole-"));
  file = join(folder, "file");
});
afterEach(() => rm(folder, { recursive: true }));

async function* parts(breaksOff: boolean): AsyncGenerator<Uint8Array> {
  yield Buffer.from("one ");
  yield Buffer.from("two");
  if (breaksOff) throw new Error("it broke off");
}

test("a new file is its content, with the mode that it was to have", async () => {
  await writeWholeFile(file, parts(false));
  expect(await readFile(file, "utf8")).toBe("one two");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["file"]);
});

test("what breaks off leaves the file that was there, or none", async () => {
  await expect(writeWholeFile(file, parts(true))).rejects.toThrow("it broke off");
  expect(await readdir(folder)).toEqual([]);
  await writeFile(file, "before");
  await expect(writeWholeFile(file, parts(true))).rejects.toThrow("it broke off");
  expect(await readFile(file, "utf8")).toBe("before");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a file that was there keeps its mode, and is reached by a link", async () => {
  await writeFile(file, "before");
  await chmod(file, 0o640);
  await symlink("file", join(folder, "link"));
  await writeWholeFile(join(folder, "link"), "after");
  expect(await readFile(file, "utf8")).toBe("after");
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(await readlink(join(folder, "link"))).toBe("file");
});

test("what a file that was there lets others do is kept, also what no new file would have", async () => {
  await writeFile(file, "before");
  await chmod(file, 0o666);
  await writeWholeFile(file, parts(false));
  expect((await stat(file)).mode & 0o777).toBe(0o666);
});

test("a pipe is written to, and stays one", async () => {
  execFileSync("mkfifo", [file]);
  const read = readFile(file, "utf8");
  await writeWholeFile(file, parts(false));
  expect(await read).toBe("one two");
  expect((await stat(file)).isFIFO()).toBe(true);
});
