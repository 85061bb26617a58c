import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataOffsetOf, encodeIndex, readIndex } from "./delta-file.ts";
import type { PageRange } from "./dirty-pages.ts";

const MEMORY_BYTES = 1024 * 4096;
const RANGES: readonly PageRange[] = [
  { firstPage: 0, pages: 2 },
  { firstPage: 7, pages: 1 },
  { firstPage: 1020, pages: 4 },
];

describe("a delta's index", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-delta-"));
    path = join(folder, "delta");
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function write(index: Buffer, pages = 7): Promise<void> {
    await writeFile(path, Buffer.concat([index, Buffer.alloc(pages * 4096)]));
  }

  async function read(memoryBytes = MEMORY_BYTES): Promise<readonly PageRange[]> {
    await using file = await open(path, "r");
    return (await readIndex(file, memoryBytes)).ranges;
  }

  test("is read as it was written, and ends on a page", async () => {
    await write(encodeIndex(RANGES));
    expect(await read()).toEqual(RANGES);
    expect(dataOffsetOf(RANGES) % 4096).toBe(0);
  });

  test("may be empty", async () => {
    await write(encodeIndex([]), 0);
    expect(await read()).toEqual([]);
  });

  test("is refused with another magic, another version, a range outside the memory, or data missing or left over", async () => {
    const wrongMagic = encodeIndex(RANGES);
    wrongMagic[0] = 0;
    await write(wrongMagic);
    await expect(read()).rejects.toThrow("unknown format");
    const wrongVersion = encodeIndex(RANGES);
    wrongVersion.writeUInt32LE(2, 8);
    await write(wrongVersion);
    await expect(read()).rejects.toThrow("unknown format");
    await write(encodeIndex(RANGES));
    await expect(read(MEMORY_BYTES - 4096)).rejects.toThrow("does not fit");
    await write(encodeIndex(RANGES), 6);
    await expect(read()).rejects.toThrow("does not fit");
    await write(encodeIndex(RANGES), 8);
    await expect(read()).rejects.toThrow("does not fit");
  });

  test("is refused when it claims more ranges than the file could hold", async () => {
    const huge = encodeIndex(RANGES);
    huge.writeUInt32LE(0xffff_ffff, 12);
    await write(huge);
    await expect(read()).rejects.toThrow("cut short");
  });
});
