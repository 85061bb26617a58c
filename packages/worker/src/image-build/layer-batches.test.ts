import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HeldLayer } from "../images/image-store.ts";
import { batchesOf, writeBatch } from "./layer-batches.ts";

const MIB = 1024 ** 2;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-batches-"));
});

afterAll(() => rm(folder, { recursive: true }));

const layer = (sizeBytes: number, path = ""): HeldLayer => ({
  path,
  sizeBytes,
  compression: "none",
  diffId: "",
});

test("small layers that follow each other are one disk, in order; large ones are alone", () => {
  const sizes = [3, 5, 100 * MIB, 7, 40 * MIB, 40 * MIB];
  const batches = batchesOf(sizes.map((size) => layer(size)));
  expect(batches.map((batch) => batch.map(({ index, offset }) => [index, offset]))).toEqual([
    [
      [0, 0],
      [1, 3],
    ],
    [[2, 0]],
    [
      [3, 0],
      [4, 7],
    ],
    [[5, 0]],
  ]);
  expect(batchesOf(Array.from({ length: 300 }, () => layer(1))).map(({ length }) => length)).toEqual([
    256, 44,
  ]);
  expect(batchesOf([])).toEqual([]);
});

test("a batch of one is the file itself, one of several their content end to end", async () => {
  const paths = ["one", "two", "three"].map((name) => join(folder, name));
  for (const path of paths) await writeFile(path, path.slice(folder.length + 1));
  const layers = await Promise.all(paths.map(async (path) => layer((await stat(path)).size, path)));
  const [alone] = batchesOf(layers.slice(0, 1));
  await writeBatch(alone ?? [], join(folder, "alone"));
  expect((await stat(join(folder, "alone"))).ino).toBe((await stat(join(folder, "one"))).ino);
  const [together] = batchesOf(layers);
  await writeBatch(together ?? [], join(folder, "together"));
  expect(await readFile(join(folder, "together"), "utf8")).toBe("onetwothree");
  expect(together?.map(({ offset }) => offset)).toEqual([0, 3, 6]);
});
