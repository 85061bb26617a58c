/** What patches make of a folder, with the program as a build VM runs it, on this machine. */
import { spawnSync } from "node:child_process";
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RootPatch } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("apply-patches.py", import.meta.url));
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-patches-"));
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "etc/there"), "before\n", { mode: 0o600 });
});
afterEach(() => rm(root, { recursive: true }));

/** What it says last, where it refuses. */
function apply(...patches: readonly RootPatch[]): string {
  const { status, stderr } = spawnSync("python3", [PROGRAM, root], { input: JSON.stringify(patches) });
  if (status === 0) return "";
  if (status === 3) return stderr.toString().trim();
  throw new Error(`${status}: ${stderr.toString()}`);
}

const write = (path: string, text: string, replace = false): RootPatch => ({
  ...{ kind: "write", path, content: base64(text), mode: 0o640, replace },
});

test("in their order: files, folders, links, removals and what is appended", async () => {
  const said = apply(
    write("/srv/deep/in/file", "one"),
    { kind: "append", path: "/srv/deep/in/file", content: base64(" two") },
    { kind: "mkdir", path: "/srv/folder", mode: 0o700 },
    // It is there already, and stays as it is.
    { kind: "mkdir", path: "/srv/folder", mode: 0o755 },
    { kind: "symlink", path: "/srv/link", target: "../anything at all", replace: false },
    write("/etc/there", "after", true),
    { kind: "remove", path: "/srv/gone" },
    { kind: "mkdir", path: "/gone/with/all", mode: 0o755 },
    { kind: "remove", path: "/gone" },
  );
  expect(said).toBe("");
  expect(await readFile(join(root, "srv/deep/in/file"), "utf8")).toBe("one two");
  expect((await stat(join(root, "srv/deep/in/file"))).mode & 0o7777).toBe(0o640);
  expect((await stat(join(root, "srv/deep"))).mode & 0o7777).toBe(0o755);
  expect((await stat(join(root, "srv/folder"))).mode & 0o7777).toBe(0o700);
  expect(await readlink(join(root, "srv/link"))).toBe("../anything at all");
  expect(await readFile(join(root, "etc/there"), "utf8")).toBe("after");
  expect((await readdir(root)).toSorted()).toEqual(["etc", "srv"]);
});

test.each<[string, RootPatch]>([
  ["patches.0: /etc/there is there already", write("/etc/there", "x")],
  ["patches.0: /etc is a folder", write("/etc", "x", true)],
  [
    "patches.0: /etc/there is there already, and no folder",
    { kind: "mkdir", path: "/etc/there", mode: 0o755 },
  ],
  ["patches.0: /etc/there/in is beneath what is no folder", write("/etc/there/in", "x")],
  ["patches.0: /none is not there", { kind: "append", path: "/none", content: "" }],
  ["patches.0: /etc is no file", { kind: "append", path: "/etc", content: "" }],
])("%s", async (said, patch) => {
  expect(apply(patch)).toBe(said);
  expect(await readFile(join(root, "etc/there"), "utf8")).toBe("before\n");
});

test("links in the root lead nowhere else", async () => {
  const outside = await mkdtemp(join(tmpdir(), "fastvm-outside-"));
  try {
    await symlink(outside, join(root, "out"));
    await symlink("/etc/there", join(root, "within"));
    // Below the root there is no such folder.
    expect(apply(write("/out/file", "x"))).toMatch(/^patches\.0: \/out\/file /);
    expect(apply(write("/within", "x", true), { kind: "remove", path: "/out" })).toBe("");
    expect(await readdir(outside)).toEqual([]);
    expect((await lstat(join(root, "within"))).isFile()).toBe(true);
    expect(await readFile(join(root, "etc/there"), "utf8")).toBe("before\n");
  } finally {
    await rm(outside, { recursive: true });
  }
});
