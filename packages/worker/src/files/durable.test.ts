import { link, mkdtemp, mkdir, open, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile, syncTree } from "./durable.ts";

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

test("a file that was synced is not synced again under other names, one that took its place is", async () => {
  const calls: string[] = [];
  const probe = await open(folder, "r");
  await probe.close();
  const handles = Object.getPrototypeOf(probe) as { sync: (this: FileHandle) => Promise<void> };
  const sync = Reflect.get(handles, "sync");
  handles.sync = async function (this: FileHandle) {
    calls.push(await readlink(`/proc/self/fd/${this.fd}`));
    await sync.call(this);
  };
  try {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    await mkdir(join(first, "inside"), { recursive: true });
    await writeFile(join(first, "inside", "file"), "of the first");
    await link(join(first, "inside", "file"), join(first, "again"));
    await syncTree(first);
    expect(calls).toContain(join(first, "inside"));
    expect(calls.filter((path) => !path.endsWith("inside"))).not.toEqual([]);
    calls.length = 0;

    await mkdir(second);
    await link(join(first, "again"), join(second, "old"));
    await writeFile(join(second, "new"), "of the second");
    await link(join(second, "new"), join(second, "new too"));
    await syncTree(second);
    expect(calls).not.toContain(join(second, "old"));
    expect(calls.some((path) => path.includes("new"))).toBe(true);
    calls.length = 0;

    // The filesystem may give its number to what comes next.
    for (const path of [join(first, "inside", "file"), join(first, "again"), join(second, "old")])
      await rm(path);
    for (let file = 0; file < 50; file++) {
      await writeFile(join(first, `${file}`), "of the third");
      await link(join(first, `${file}`), join(first, `${file} too`));
    }
    await syncTree(first);
    for (let file = 0; file < 50; file++) {
      expect(calls.some((path) => path.startsWith(join(first, `${file}`)))).toBe(true);
    }
  } finally {
    handles.sync = sync;
  }
});
