import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDelta } from "./delta-file.ts";
import { DamagedMapError } from "./page-map-file.ts";
import type { PageMap, PageRange } from "./page-map.ts";

const PAGE_BYTES = 4096;
const MEMORY_PAGES = 1024;
const RANGES: readonly PageRange[] = [
  { firstPage: 0, pages: 2 },
  { firstPage: 7, pages: 1 },
  { firstPage: 1020, pages: 4 },
];

/** As versions before page maps wrote it. */
function encodeIndex(ranges: readonly PageRange[]): Buffer {
  const index = Buffer.alloc(Math.ceil((24 + ranges.length * 8) / PAGE_BYTES) * PAGE_BYTES);
  index.write("FVMDELTA", "latin1");
  index.writeUInt32LE(1, 8);
  index.writeUInt32LE(ranges.length, 12);
  index.writeBigUInt64LE(BigInt(ranges.reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES), 16);
  ranges.forEach(({ firstPage, pages }, at) => {
    index.writeUInt32LE(firstPage, 24 + at * 8);
    index.writeUInt32LE(pages, 28 + at * 8);
  });
  return index;
}

describe("the memory of a state in the older format", () => {
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
    await writeFile(path, Buffer.concat([index, Buffer.alloc(pages * PAGE_BYTES)]));
  }

  async function read(memoryPages = MEMORY_PAGES): Promise<PageMap> {
    return await readDelta(path, "delta", memoryPages);
  }

  test("is a map of one file, in which the pages come behind the index", async () => {
    await write(encodeIndex(RANGES));
    expect(await read()).toEqual({
      memoryPages: MEMORY_PAGES,
      files: ["delta"],
      extents: [
        { firstPage: 0, pages: 2, file: 0, filePage: 1 },
        { firstPage: 7, pages: 1, file: 0, filePage: 3 },
        { firstPage: 1020, pages: 4, file: 0, filePage: 4 },
      ],
    });
    const many = Array.from({ length: 600 }, (_, at) => ({ firstPage: at * 2, pages: 1 }));
    const longer = encodeIndex(many.slice(0, 512));
    await write(longer, 512);
    expect((await read()).extents[0]?.filePage).toBe(2);
  });

  test("is refused when it is something else, of another version, or does not fit the file or the memory", async () => {
    const refused = async (): Promise<void> => await expect(read()).rejects.toThrow(DamagedMapError);
    const wrongMagic = encodeIndex(RANGES);
    wrongMagic.write("X");
    await write(wrongMagic);
    await refused();
    const wrongVersion = encodeIndex(RANGES);
    wrongVersion.writeUInt32LE(2, 8);
    await write(wrongVersion);
    await refused();
    await write(encodeIndex(RANGES), 6);
    await refused();
    await write(encodeIndex(RANGES.toReversed()));
    await refused();
    await write(encodeIndex(RANGES));
    await expect(read(MEMORY_PAGES - 1)).rejects.toThrow(DamagedMapError);
  });

  test("is refused when it claims more ranges than the file could hold", async () => {
    const huge = encodeIndex(RANGES);
    huge.writeUInt32LE(0xffff_ffff, 12);
    await write(huge);
    await expect(read()).rejects.toThrow("cut short");
  });
});
