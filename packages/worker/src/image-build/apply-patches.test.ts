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
import { rootCertificates } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bringSetup, type BroughtPatch } from "./bring-setup.ts";

const PROGRAM = fileURLToPath(new URL("apply-patches.py", import.meta.url));
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let root: string;
let host: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-patches-"));
  host = await mkdtemp(join(tmpdir(), "fastvm-patches-host-"));
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "etc/there"), "before\n", { mode: 0o600 });
});
afterEach(async () => {
  for (const folder of [root, host]) await rm(folder, { recursive: true });
});

/** What it says last, where it refuses. */
function apply(...patches: readonly BroughtPatch[]): string {
  const { status, stderr } = spawnSync("python3", [PROGRAM, root, join(root, ".archive-")], {
    input: JSON.stringify(patches),
  });
  if (status === 0) return "";
  if (status === 3) return stderr.toString().trim();
  throw new Error(`${status}: ${stderr.toString()}`);
}

const write = (path: string, text: string, replace = false): BroughtPatch => ({
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

test.each<[string, BroughtPatch]>([
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

/** What is copied lies on the same machine here. */
async function copied(
  source: string,
  path: string,
  isFolder: boolean,
  replace = false,
): Promise<BroughtPatch[]> {
  const copy = { kind: "copy", source, path, isFolder, replace } as const;
  const order = { patches: [copy], limits: [], restricted: false };
  const { setup, archives } = await bringSetup({ importFolders: [], mountFolders: [host] }, order);
  for (const [index, archive] of archives.entries())
    await writeFile(join(root, `.archive-${index}`), archive);
  return [...setup.patches];
}

test("files and folders of the host are copied as they are there, and nothing that is there is lost", async () => {
  await mkdir(join(host, "folder/deep"), { recursive: true, mode: 0o750 });
  await writeFile(join(host, "folder/deep/a"), "one", { mode: 0o600 });
  await symlink("deep/a", join(host, "folder/link"));
  await writeFile(join(host, "file"), "two", { mode: 0o640 });
  expect(apply(...(await copied(join(host, "file"), "/srv/file", false)))).toBe("");
  expect(apply(...(await copied(join(host, "folder"), "/srv/there", true)))).toBe("");
  expect(await readFile(join(root, "srv/file"), "utf8")).toBe("two");
  expect((await stat(join(root, "srv/file"))).mode & 0o7777).toBe(0o640);
  expect(await readFile(join(root, "srv/there/link"), "utf8")).toBe("one");
  expect((await stat(join(root, "srv/there/deep/a"))).mode & 0o7777).toBe(0o600);
  expect(apply(...(await copied(join(host, "folder"), "/srv/there", true)))).toMatch(
    /^patches\.0: \/srv\/there has \S+ in it, which is there already$/,
  );
  await writeFile(join(host, "folder/deep/a"), "three");
  expect(apply(...(await copied(join(host, "folder"), "/srv/there", true, true)))).toBe("");
  expect(await readFile(join(root, "srv/there/deep/a"), "utf8")).toBe("three");
});

test("nothing is copied of what is elsewhere, by whatever link, or of another kind", async () => {
  await symlink("/etc/passwd", join(host, "out"));
  for (const source of ["/etc/passwd", join(host, "out"), join(host, "none")])
    await expect(copied(source, "/x", false)).rejects.toMatchObject({
      code: "image_invalid",
      field: "patches",
    });
  await expect(copied(host, "/x", false)).rejects.toThrow(/is a folder/);
});

test("whom the host trusts is trusted behind those that the image has, each once", async () => {
  const [first = "", second = ""] = rootCertificates.map((pem) => `${pem.trim()}\n`);
  const bundle = join(root, "etc/ssl/certs/ca-certificates.crt");
  await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
  await mkdir(join(root, "usr/local/share/ca-certificates"), { recursive: true });
  await writeFile(bundle, first);
  const trust: BroughtPatch = { kind: "trust", path: "/etc/ssl/certs", content: base64(first + second) };
  expect(apply(trust, trust)).toBe("");
  expect(await readFile(bundle, "utf8")).toBe(first + second);
  expect(await readdir(join(root, "usr/local/share/ca-certificates"))).toHaveLength(2);
  await rm(bundle);
  expect(apply(trust)).toBe("");
  expect(await readFile(bundle, "utf8")).toBe(first + second);
});
