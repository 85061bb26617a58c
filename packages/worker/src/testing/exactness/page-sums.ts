/**
 * Checksums of every page of a memory, without reading again what cannot have changed: files of pages are immutable, and a page of a
 * private mapping that is not anonymous is its file's. (memory-tree.ts takes nothing for granted and reads all of it.)
 */
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { PAGE_BYTES } from "../../memory/mapping.ts";
import type { MappedPages, MemoryMapping } from "../../memory/mapping.ts";

export type PageSums = Uint32Array;

const CHUNK_PAGES = 2048;
const ZEROS = Buffer.alloc(CHUNK_PAGES * PAGE_BYTES);
const SUM_OF_ZEROS = crc32(ZEROS.subarray(0, PAGE_BYTES));
/** Of /proc/PID/pagemap: see native/pages/scan.c. */
const ENTRY_BYTES = 8;
const HIGH_HALF = 4;
const PRESENT_OR_SWAPPED = 0xc0000000;
const FILE_PAGE = 0x20000000;

/** By file; the tests of one process share them. */
const known = new Map<string, PageSums>();

/** Of a memory that is the base and pages over it. */
export async function sumsOfFiles(base: string, { map, paths }: MappedPages): Promise<PageSums> {
  const sums = Uint32Array.from(await sumsOfFile(base));
  for (const [index, path] of paths.entries()) {
    const file = await sumsOfFile(path);
    for (const { firstPage, pages, filePage } of map.extents.filter((extent) => extent.file === index)) {
      sums.set(file.subarray(filePage, filePage + pages), firstPage);
    }
  }
  return sums;
}

/** Of a process that has `over` mapped over its base. */
export async function sumsOfProcess(
  pid: number,
  mapping: MemoryMapping,
  base: string,
  over: MappedPages,
): Promise<PageSums> {
  const sums = await sumsOfFiles(base, over);
  await using memory = await open(`/proc/${pid}/mem`, "r");
  const page = Buffer.alloc(PAGE_BYTES);
  for (const own of await anonymousPages(pid, mapping)) {
    const { bytesRead } = await memory.read(page, 0, PAGE_BYTES, mapping.address + own * PAGE_BYTES);
    if (bytesRead !== PAGE_BYTES) throw new Error("the memory ended early");
    sums[own] = crc32(page);
  }
  return sums;
}

async function anonymousPages(pid: number, mapping: MemoryMapping): Promise<readonly number[]> {
  await using pagemap = await open(`/proc/${pid}/pagemap`, "r");
  const entries = Buffer.alloc((mapping.bytes / PAGE_BYTES) * ENTRY_BYTES);
  await readWhole(pagemap, entries, (mapping.address / PAGE_BYTES) * ENTRY_BYTES);
  const found: number[] = [];
  for (let page = 0; page * ENTRY_BYTES < entries.length; page++) {
    const high = entries.readUInt32LE(page * ENTRY_BYTES + HIGH_HALF);
    if ((high & PRESENT_OR_SWAPPED) !== 0 && (high & FILE_PAGE) === 0) found.push(page);
  }
  return found;
}

async function sumsOfFile(path: string): Promise<PageSums> {
  const { dev, ino, mtimeMs, size } = await stat(path);
  const key = `${dev} ${ino} ${mtimeMs} ${size}`;
  const sums = known.get(key) ?? (await readSums(path, Math.ceil(size / PAGE_BYTES)));
  known.set(key, sums);
  return sums;
}

async function readSums(path: string, pages: number): Promise<PageSums> {
  await using file = await open(path, "r");
  const sums = new Uint32Array(pages);
  const buffer = Buffer.alloc(ZEROS.length);
  for (let first = 0; first < pages; first += CHUNK_PAGES) {
    const chunk = buffer.subarray(0, Math.min(CHUNK_PAGES, pages - first) * PAGE_BYTES);
    await readWhole(file, chunk, first * PAGE_BYTES);
    sums.set(sumsOf(chunk), first);
  }
  return sums;
}

/** Most of a base is a hole. */
function sumsOf(chunk: Buffer): PageSums {
  const pages = chunk.length / PAGE_BYTES;
  if (chunk.equals(ZEROS.subarray(0, chunk.length))) return new Uint32Array(pages).fill(SUM_OF_ZEROS);
  return Uint32Array.from({ length: pages }, (_, page) =>
    crc32(chunk.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)),
  );
}

async function readWhole(file: FileHandle, into: Buffer, at: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) throw new Error("a file ended early");
    done += bytesRead;
  }
}
