/** The file system of the tests with power cuts forgets what nobody synced, and nothing else. */
import { mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ForgetfulFilesystem } from "./forgetful-filesystem.ts";

const BLOCK = 4096;
const BLOCKS = 64;
/** Of each kind of loss some come up among so many. */
const CUTS = 12;

async function sync(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

async function fill(path: string, value: number, flags: string): Promise<void> {
  await using file = await open(path, flags);
  await file.write(Buffer.alloc(BLOCK * BLOCKS, value), 0, BLOCK * BLOCKS, 0);
}

function valuesIn(content: Buffer): ReadonlySet<number> {
  return new Set(content);
}

test("what was synced stays, and of the rest all, some or nothing", async () => {
  await using disk = await ForgetfulFilesystem.mount(5);
  const { folder } = disk;
  const seen = new Set<string>();
  for (let cut = 0; cut < CUTS; cut++) {
    const of = join(folder, `${cut}`);
    await mkdir(of);
    await fill(join(of, "synced"), 1, "w");
    for (const path of [join(of, "synced"), of, folder]) await sync(path);
    await fill(join(of, "synced"), 2, "r+");
    await fill(join(of, "unnamed"), 3, "w");
    await sync(join(of, "unnamed"));
    await rename(join(of, "synced"), join(of, "renamed"));
    disk.cutPower();
    await expect(readdir(folder)).rejects.toThrow(/EIO/);
    await disk.bringPowerBack();

    const names = await readdir(of);
    const kept = names.filter((name) => name !== "unnamed");
    expect(kept, "a rename is done or is not").toHaveLength(1);
    const content = await readFile(join(of, kept[0] ?? ""));
    expect(content).toHaveLength(BLOCK * BLOCKS);
    const values = valuesIn(content);
    expect([...values].every((value) => value === 1 || value === 2)).toBe(true);
    seen.add(`content ${[...values].toSorted((a, b) => a - b).join()}`);
    seen.add(`names ${names.toSorted().join()}`);
    if (names.includes("unnamed"))
      expect([...valuesIn(await readFile(join(of, "unnamed")))], "it was synced").toEqual([3]);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      "content 1",
      "content 2",
      "content 1,2",
      "names synced",
      "names renamed,unnamed",
    ]),
  );
});

test("what is new and not synced has its old length, or zeros in it", async () => {
  await using disk = await ForgetfulFilesystem.mount(7);
  const path = join(disk.folder, "log");
  await writeFile(path, Buffer.alloc(BLOCK, 1));
  for (const synced of [path, disk.folder]) await sync(synced);
  for (let cut = 0; cut < CUTS; cut++) {
    const before = (await readFile(path)).length;
    await writeFile(path, Buffer.alloc(BLOCK * 2, 4), { flag: "a" });
    disk.cutPower();
    await disk.bringPowerBack();
    const content = await readFile(path);
    expect(content.subarray(0, BLOCK)).toEqual(Buffer.alloc(BLOCK, 1));
    expect([before, before + BLOCK * 2]).toContain(content.length);
    await sync(path);
  }
});
