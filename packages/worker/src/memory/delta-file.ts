/**
 * The pages of a VM that differ from its base, in a file:
 *
 *   0          8         12         16             24
 *   +----------+---------+----------+--------------+----------------------------+---------+----------------
 *   | FVMDELTA | version | ranges n | data bytes   | n × (u32 page, u32 pages)  | padding | pages, in order
 *   +----------+---------+----------+--------------+----------------------------+---------+----------------
 *                                                                                to 4096
 */
import type { FileHandle } from "node:fs/promises";
import { countBytes } from "./dirty-pages.ts";
import type { PageRange } from "./dirty-pages.ts";
import { PAGE_BYTES } from "./mapping.ts";

const MAGIC = Buffer.from("FVMDELTA", "latin1");
const VERSION = 1;
const HEADER_BYTES = 24;
const RANGE_BYTES = 8;

interface DeltaIndex {
  readonly ranges: readonly PageRange[];
  /** Where in the file the pages begin. */
  readonly dataOffset: number;
}

export function dataOffsetOf(ranges: readonly PageRange[]): number {
  return Math.ceil((HEADER_BYTES + ranges.length * RANGE_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

export function encodeIndex(ranges: readonly PageRange[]): Buffer {
  const index = Buffer.alloc(dataOffsetOf(ranges));
  MAGIC.copy(index);
  index.writeUInt32LE(VERSION, 8);
  index.writeUInt32LE(ranges.length, 12);
  index.writeBigUInt64LE(BigInt(countBytes(ranges)), 16);
  ranges.forEach((range, at) => {
    index.writeUInt32LE(range.firstPage, HEADER_BYTES + at * RANGE_BYTES);
    index.writeUInt32LE(range.pages, HEADER_BYTES + at * RANGE_BYTES + 4);
  });
  return index;
}

/** Reads and checks the index against the file's size and the memory's; throws on any disagreement. */
export async function readIndex(file: FileHandle, memoryBytes: number): Promise<DeltaIndex> {
  const header = Buffer.alloc(HEADER_BYTES);
  await file.read(header, 0, HEADER_BYTES, 0);
  if (!header.subarray(0, 8).equals(MAGIC) || header.readUInt32LE(8) !== VERSION) {
    throw new Error("The memory delta has an unknown format");
  }
  const count = header.readUInt32LE(12);
  const { size } = await file.stat();
  if (HEADER_BYTES + count * RANGE_BYTES > size) throw new Error("The memory delta is cut short");
  const table = Buffer.alloc(count * RANGE_BYTES);
  await file.read(table, 0, table.length, HEADER_BYTES);
  const ranges = Array.from({ length: count }, (_, at) => ({
    firstPage: table.readUInt32LE(at * RANGE_BYTES),
    pages: table.readUInt32LE(at * RANGE_BYTES + 4),
  }));
  const dataOffset = dataOffsetOf(ranges);
  const outside = ranges.some((range) => (range.firstPage + range.pages) * PAGE_BYTES > memoryBytes);
  if (outside || size !== dataOffset + countBytes(ranges)) {
    throw new Error("The memory delta does not fit its memory");
  }
  return { ranges, dataOffset };
}
