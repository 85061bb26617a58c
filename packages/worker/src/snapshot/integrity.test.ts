import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SnapshotDigests } from "./integrity.ts";

const MANIFEST = JSON.stringify({ format: 2, layers: [{ name: "image" }, { name: "own" }] });

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-integrity-"));
  await mkdir(join(folder, "disk"));
  for (const [path, content] of [
    ["manifest.json", MANIFEST],
    ["state", "of devices"],
    ["memory", "shared"],
    ["disk/image", "shared"],
    ["disk/own", "its own"],
  ] as const)
    await writeFile(join(folder, path), content);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const pathsOf = async (): Promise<string[]> => Object.keys(await new SnapshotDigests().of(folder));

describe("of a snapshot", () => {
  test("there are digests of what is its own", async () => {
    expect(await pathsOf()).toEqual(["disk/own", "manifest.json", "state"]);
  });

  test("that is gone there are none", async () => {
    await rm(folder, { recursive: true });
    await expect(pathsOf()).rejects.toMatchObject({ code: "not_found" });
  });

  test.each([
    ["is not there", () => rm(join(folder, "manifest.json"))],
    ["is cut off", () => writeFile(join(folder, "manifest.json"), MANIFEST.slice(0, 20))],
    ["has nothing in it", () => writeFile(join(folder, "manifest.json"), "null")],
  ])("whose manifest %s there are those of its files", async (_, damage) => {
    await damage();
    expect(await pathsOf()).toEqual(expect.arrayContaining(["disk/own", "state"]));
  });

  test("there are those that are there when a file goes meanwhile", async () => {
    const digests = new SnapshotDigests(async (path) => {
      await rm(join(folder, "state"), { force: true });
      if (path.endsWith("state")) throw new Error("it cannot be read");
      return "of it";
    });
    expect(await digests.of(folder)).toEqual({ "disk/own": "of it", "manifest.json": "of it" });
  });

  test("that goes meanwhile there are none", async () => {
    const digests = new SnapshotDigests(async () => {
      await rm(folder, { recursive: true, force: true });
      throw new Error("it cannot be read");
    });
    await expect(digests.of(folder)).rejects.toMatchObject({ code: "not_found" });
  });
});

test("who asks for the same meanwhile gets the same, and two are read at once", async () => {
  const others = [1, 2, 3].map((name) => join(folder, `${name}`));
  for (const other of others) {
    await mkdir(other);
    await writeFile(join(other, "manifest.json"), MANIFEST);
  }
  const begun: (() => void)[] = [];
  let reads = 0;
  const digests = new SnapshotDigests(async () => {
    reads += 1;
    await new Promise<void>((resolve) => begun.push(resolve));
    return "of it";
  });
  const all = [...others, ...others].map((other) => digests.of(other));
  await expect.poll(() => begun.length).toBe(2);
  await sleep(50);
  expect(reads).toBe(2);
  begun.shift()?.();
  await expect.poll(() => reads).toBe(3);
  for (const end of begun) end();
  await expect(Promise.all(all)).resolves.toEqual(all.map(() => ({ "manifest.json": "of it" })));
  expect(reads).toBe(3);
  // What was asked before says nothing of what is there now.
  const again = digests.of(others[0] ?? "");
  await expect.poll(() => reads).toBe(4);
  begun.at(-1)?.();
  await again;
});
