/** Files of a volume through its own server, without a VM: what they do, and that nothing in the volume leads out of it. */
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newVolumeId, type VolumeFiles } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { VolumeSharing } from "../server/sharing.ts";
import { HostSessions } from "./host-sessions.ts";
import { volumeFiles } from "./volume-files.ts";

const USER = 70_001;
/** After which a server that nobody uses is ended. */
const IDLE_MS = 5_000;
const LARGE = Buffer.alloc(3 * 1024 * 1024 + 17, "abcdefg");

let folder: string;
let root: string;
let outside: string;
let sessions: HostSessions;
let files: VolumeFiles;
/** Users of servers that live. */
let held = 0;
const id = newVolumeId();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-volume-files-"));
  [root, outside] = [join(folder, "root"), join(folder, "outside")];
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "secret");
  sessions = new HostSessions({
    folder: join(folder, "control"),
    uid: () => USER + held++,
    release: () => void (held -= 1),
    mounted: async () => root,
    sharing: new VolumeSharing(),
  });
  files = volumeFiles(sessions);
});

afterEach(async () => {
  await sessions.close();
  await rm(folder, { recursive: true });
});

async function* chunks(...parts: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function text(path: string): Promise<string> {
  const pieces = await Array.fromAsync(await files.read(id, path));
  return Buffer.concat(pieces).toString();
}

describe("a file", () => {
  test("is written whole, read back, and keeps its owner and mode when it is written anew", async () => {
    await files.write(id, "/in/deep/file", chunks("one ", "two"), { mode: 0o640 });
    expect(await text("/in/deep/file")).toBe("one two");
    expect(await files.info(id, "/in/deep/file")).toMatchObject({
      type: "file",
      sizeBytes: 7,
      mode: 0o640,
      uid: 0,
    });
    await (await import("node:fs/promises")).chown(join(root, "in/deep/file"), 1234, 1235);
    await files.write(id, "/in/deep/file", chunks("three"));
    expect(await files.info(id, "/in/deep/file")).toMatchObject({ mode: 0o640, uid: 1234, gid: 1235 });
    expect(await text("/in/deep/file")).toBe("three");
  });

  test("of some size passes as it is, in pieces", async () => {
    await files.write(id, "/large", chunks(LARGE));
    const pieces = await Array.fromAsync(await files.read(id, "/large"));
    expect(Buffer.concat(pieces).equals(LARGE)).toBe(true);
    expect(pieces.length).toBeGreaterThan(1);
  });

  test("that breaks off on its way is not there, and what was there still is", async () => {
    await files.write(id, "/file", chunks("before"));
    const failing = (async function* () {
      yield Buffer.from("half");
      throw new Error("gone");
    })();
    await expect(files.write(id, "/file", failing)).rejects.toThrow("gone");
    expect(await text("/file")).toBe("before");
    expect((await files.list(id, "/", { limit: 10 })).entries.map(({ path }) => path)).toEqual(["/file"]);
  });

  test("whose reader leaves is closed, and others are read", async () => {
    await files.write(id, "/large", chunks(LARGE));
    for await (const _piece of await files.read(id, "/large")) break;
    expect(await text("/large")).toHaveLength(LARGE.length);
  });
});

describe("folders", () => {
  test("are made with those above them, listed in the order of paths and in pages, renamed and removed", async () => {
    await files.makeFolder(id, "/a/b/c", { mode: 0o700 });
    await expect(files.makeFolder(id, "/a/b/c")).rejects.toMatchObject({ code: "file_exists" });
    for (let n = 0; n < 300; n++) await writeFile(join(root, "a", `file-${n}`), "");
    const first = await files.list(id, "/a", { limit: 200, depth: 3 });
    expect(first).toMatchObject({ hasMore: true });
    const rest = await files.list(id, "/a", { limit: 200, depth: 3, after: first.entries.at(-1)?.path });
    const paths = [...first.entries, ...rest.entries].map(({ path }) => path);
    expect(paths).toHaveLength(302);
    expect(paths).toEqual(paths.toSorted());
    await files.rename(id, "/a/b", "/x/y/z");
    expect(await files.info(id, "/x/y/z/c")).toMatchObject({ type: "directory", mode: 0o700 });
    await expect(files.remove(id, "/x")).rejects.toMatchObject({ code: "folder_not_empty" });
    await files.remove(id, "/x", { recursive: true });
    await expect(files.info(id, "/x")).rejects.toMatchObject({ code: "file_not_found" });
    await expect(files.remove(id, "/")).rejects.toMatchObject({ code: "file_failed" });
  });

  test("are no files, and files are no folders", async () => {
    await files.write(id, "/file", chunks("x"));
    await expect(files.read(id, "/")).rejects.toMatchObject({ code: "is_a_directory" });
    await expect(files.list(id, "/file", { limit: 1 })).rejects.toMatchObject({ code: "not_a_directory" });
    await expect(files.info(id, "/file/below")).rejects.toMatchObject({ code: "not_a_directory" });
    await expect(files.write(id, "/file/below", chunks("x"))).rejects.toMatchObject({
      code: "not_a_directory",
    });
  });
});

describe("links", () => {
  test("are followed within the volume: relative, absolute, and above the root", async () => {
    await files.write(id, "/in/file", chunks("here"));
    await symlink("in/file", join(root, "relative"));
    await symlink("/in/file", join(root, "absolute"));
    await symlink("../../../../in", join(root, "in/above"));
    for (const path of ["/relative", "/absolute", "/in/above/file", "/../in/file"]) {
      expect(await text(path)).toBe("here");
    }
    expect(await files.info(id, "/relative")).toMatchObject({ type: "symlink", linkTarget: "in/file" });
    expect(await files.info(id, "/relative", { followLinks: true })).toMatchObject({ type: "file" });
    await files.write(id, "/relative", chunks("changed"));
    expect(await readFile(join(root, "in/file"), "utf8")).toBe("changed");
    await files.remove(id, "/relative");
    expect(await readFile(join(root, "in/file"), "utf8")).toBe("changed");
  });

  test("lead nowhere outside, whatever they say", async () => {
    await symlink(outside, join(root, "out"));
    await symlink(join(outside, "secret"), join(root, "secret"));
    await symlink("/proc/self/root", join(root, "magic"));
    await symlink("loop", join(root, "loop"));
    for (const path of ["/out/secret", "/secret", "/magic/etc/passwd"]) {
      await expect(files.read(id, path), path).rejects.toMatchObject({ code: "file_not_found" });
    }
    await expect(files.info(id, "/loop", { followLinks: true })).rejects.toMatchObject({
      code: "file_failed",
    });
    await expect(files.write(id, "/out/new", chunks("x"))).rejects.toMatchObject({
      code: /file_exists|not_a_dir/,
    });
    await expect(files.list(id, "/out", { limit: 10 })).rejects.toMatchObject({ code: "file_not_found" });
    await files.remove(id, "/out", { recursive: true });
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
    expect(await readlink(join(root, "magic"))).toBe("/proc/self/root");
  });

  test("of another name of a file are that file", async () => {
    await files.write(id, "/one", chunks("x"));
    await link(join(root, "one"), join(root, "two"));
    expect((await lstat(join(root, "two"))).nlink).toBe(2);
    expect(await text("/two")).toBe("x");
  });
});

describe("a caller", () => {
  test("who left is told so, and the next one is served", async () => {
    const gone = AbortSignal.abort(new Error("left"));
    await expect(files.info(id, "/", { signal: gone })).rejects.toThrow("left");
    expect(await files.info(id, "/")).toMatchObject({ type: "directory" });
  });

  test("is served by a new server when the one before was ended", async () => {
    await files.write(id, "/file", chunks("x"));
    await sessions.end(id);
    expect(await text("/file")).toBe("x");
    expect((await stat(join(root, "file"))).size).toBe(1);
  });

  test("has the server that is there now, whatever becomes of the one before", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const lost = await sessions.take(id);
    await sessions.end(id);
    const used = await sessions.take(id);
    lost.end();
    await vi.advanceTimersByTimeAsync(IDLE_MS);
    expect((await sessions.take(id)).session, "while it is used").toBe(used.session);
  });

  test("waits for a server that ends because nobody used it, and ends the one that comes after", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    (await sessions.take(id)).end();
    await vi.advanceTimersByTimeAsync(IDLE_MS);
    const next = await sessions.take(id);
    expect((await sessions.take(id)).session).toBe(next.session);
    await sessions.end(id);
    expect(held).toBe(0);
  });
});
