/**
 * What versions before page maps wrote: the pages of a VM that differ from its base, in one file. Read as the page map that it is:
 *
 *   0          8         12         16             24
 *   +----------+---------+----------+--------------+----------------------------+---------+----------------
 *   | FVMDELTA | version | ranges n | data bytes   | n × (u32 page, u32 pages)  | padding | pages, in order
 *   +----------+---------+----------+--------------+----------------------------+---------+----------------
 *                                                                                to 4096
 */
import { open } from "node:fs/promises";
import { PAGE_BYTES } from "./mapping.ts";
import { emptyMap, overlay } from "./page-map.ts";
import type { FileExtent, PageMap } from "./page-map.ts";
import { assertWithinFiles, DamagedMapError } from "./page-map-file.ts";

export const DELTA_FILE = "delta";
const MAGIC = Buffer.from("FVMDELTA", "latin1");
const VERSION = 1;
const HEADER_BYTES = 24;
const RANGE_BYTES = 8;

/** The map whose only file is called `name`. Throws DamagedMapError at any disagreement with the file's size or the memory's. */
export async function readDelta(path: string, name: string, memoryPages: number): Promise<PageMap> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const header = Buffer.alloc(HEADER_BYTES);
  await file.read(header, 0, HEADER_BYTES, 0);
  if (!header.subarray(0, 8).equals(MAGIC) || header.readUInt32LE(8) !== VERSION) {
    throw new DamagedMapError("The memory delta has an unknown format");
  }
  const count = header.readUInt32LE(12);
  if (HEADER_BYTES + count * RANGE_BYTES > size) throw new DamagedMapError("The memory delta is cut short");
  const table = Buffer.alloc(count * RANGE_BYTES);
  await file.read(table, 0, table.length, HEADER_BYTES);
  const extents = readExtents(table, memoryPages);
  const map = overlay(emptyMap(memoryPages), name, extents);
  assertWithinFiles(map, [size / PAGE_BYTES]);
  return map;
}

function readExtents(table: Buffer, memoryPages: number): readonly FileExtent[] {
  const extents: FileExtent[] = [];
  let filePage = Math.ceil((HEADER_BYTES + table.length) / PAGE_BYTES);
  let end = 0;
  for (let at = 0; at < table.length; at += RANGE_BYTES) {
    const [firstPage, pages] = [table.readUInt32LE(at), table.readUInt32LE(at + 4)];
    if (firstPage < end || firstPage + pages > memoryPages) {
      throw new DamagedMapError("The memory delta does not fit its memory");
    }
    extents.push({ firstPage, pages, filePage });
    filePage += pages;
    end = firstPage + pages;
  }
  return extents;
}
