/**
 * A page map in a file, which the library in QEMU reads as well (native/memory/page-map.h). Little-endian:
 *
 *   0          8         12        16          20             24
 *   +----------+---------+---------+-----------+--------------+------------------+------------------------------------------------+
 *   | FVMPAGES | version | files n | extents m | memory pages | n × 64 B: a name | m × (first page, pages, file, page in the file) |
 *   +----------+---------+---------+-----------+--------------+------------------+------------------------------------------------+
 *
 * It is read as from a stranger: a snapshot may come from elsewhere, and what a map says is mapped into a process.
 */
import type { PageExtent, PageMap } from "./page-map.ts";

const MAGIC = Buffer.from("FVMPAGES", "latin1");
const VERSION = 1;
const HEADER_BYTES = 24;
const NAME_BYTES = 64;
const EXTENT_BYTES = 16;
/** Merging keeps them far fewer; see compact-pages.ts. */
const MAX_FILES = 4096;
/** A name of ours, which leads nowhere else. */
const NAME = /^[0-9a-z][0-9a-z-]{0,62}$/;

export class DamagedMapError extends Error {}

export function encodePageMap(map: PageMap): Buffer {
  const namesAt = HEADER_BYTES;
  const extentsAt = namesAt + map.files.length * NAME_BYTES;
  const bytes = Buffer.alloc(extentsAt + map.extents.length * EXTENT_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(map.files.length, 12);
  bytes.writeUInt32LE(map.extents.length, 16);
  bytes.writeUInt32LE(map.memoryPages, 20);
  map.files.forEach((name, file) => bytes.write(name, namesAt + file * NAME_BYTES, "latin1"));
  map.extents.forEach(({ firstPage, pages, file, filePage }, index) => {
    const at = extentsAt + index * EXTENT_BYTES;
    bytes.writeUInt32LE(firstPage, at);
    bytes.writeUInt32LE(pages, at + 4);
    bytes.writeUInt32LE(file, at + 8);
    bytes.writeUInt32LE(filePage, at + 12);
  });
  return bytes;
}

/** Throws DamagedMapError at anything that `encodePageMap` would not have written for a memory of this size. */
export function decodePageMap(bytes: Buffer, memoryPages: number): PageMap {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) throw damaged("it is no page map");
  if (bytes.readUInt32LE(8) !== VERSION) throw damaged("its format is that of another version");
  const files = bytes.readUInt32LE(12);
  const extents = bytes.readUInt32LE(16);
  if (bytes.readUInt32LE(20) !== memoryPages) throw damaged("it is of a memory of another size");
  const extentsAt = HEADER_BYTES + files * NAME_BYTES;
  if (files > MAX_FILES || bytes.length !== extentsAt + extents * EXTENT_BYTES) {
    throw damaged("its length is not what it says");
  }
  const names = Array.from({ length: files }, (_, file) => nameAt(bytes, HEADER_BYTES + file * NAME_BYTES));
  if (new Set(names).size !== files) throw damaged("it names a file twice");
  return { memoryPages, files: names, extents: readExtents(bytes.subarray(extentsAt), files, memoryPages) };
}

function nameAt(bytes: Buffer, at: number): string {
  const field = bytes.toString("latin1", at, at + NAME_BYTES);
  const name = field.replace(/\0+$/, "");
  if (!NAME.test(name)) throw damaged("it names a file that is none of its own");
  return name;
}

function readExtents(bytes: Buffer, files: number, memoryPages: number): readonly PageExtent[] {
  const extents: PageExtent[] = [];
  const used = new Set<number>();
  let end = 0;
  for (let at = 0; at < bytes.length; at += EXTENT_BYTES) {
    const extent = {
      firstPage: bytes.readUInt32LE(at),
      pages: bytes.readUInt32LE(at + 4),
      file: bytes.readUInt32LE(at + 8),
      filePage: bytes.readUInt32LE(at + 12),
    };
    if (extent.pages === 0 || extent.firstPage < end || extent.file >= files) {
      throw damaged("its extents are out of order");
    }
    end = extent.firstPage + extent.pages;
    if (end > memoryPages) throw damaged("it reaches beyond the memory");
    used.add(extent.file);
    extents.push(extent);
  }
  if (used.size !== files) throw damaged("it names a file that it does not need");
  return extents;
}

/** Throws DamagedMapError when an extent reaches beyond its file's end, where a guest's QEMU would meet its own. */
export function assertWithinFiles(map: PageMap, filePages: readonly number[]): void {
  const isOutside = ({ file, filePage, pages }: PageExtent): boolean =>
    filePage + pages > (filePages[file] ?? 0);
  if (map.extents.some(isOutside)) throw damaged("it reaches beyond its files");
}

function damaged(why: string): DamagedMapError {
  return new DamagedMapError(`The page map is damaged: ${why}`);
}
