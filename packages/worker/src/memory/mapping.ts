/** Where a VM's memory is mapped in its QEMU process: its memory file and, over it, ranges of page files. */
import { readFile, stat } from "node:fs/promises";
import { isErrno } from "../files/errno.ts";
import { emptyMap } from "./page-map.ts";
import type { PageMap } from "./page-map.ts";

export const PAGE_BYTES = 4096;
const PAGES_PER_MIB = (1024 * 1024) / PAGE_BYTES;

export interface MemoryMapping {
  /** Address of the first byte in the process. Fits a double: user space ends at 2^47. */
  readonly address: number;
  readonly bytes: number;
}

/** What a process has mapped over its memory file. */
export interface MappedPages {
  readonly map: PageMap;
  /** Of the map's files, in its order. */
  readonly paths: readonly string[];
}

export function pagesOf(memoryMib: number): number {
  return memoryMib * PAGES_PER_MIB;
}

/** Of a process whose memory is the base alone. */
export function nothingMapped(memoryMib: number): MappedPages {
  return { map: emptyMap(pagesOf(memoryMib)), paths: [] };
}

/**
 * Finds the mapping of `memoryFile` in process `pid`. Anything but exactly one whole mapping, without a gap and in the right order, means
 * that our picture of this QEMU is wrong, and a capture built on it would be a corrupt one: it throws.
 */
export async function findMemoryMapping(
  pid: number,
  memoryFile: string,
  over?: MappedPages,
): Promise<MemoryMapping> {
  const { size } = await stat(memoryFile);
  const files = await mappedFiles(memoryFile, over);
  const maps = await readFile(`/proc/${pid}/maps`, "latin1");
  const found: Mapping[] = [];
  for (const mapping of groupByStart(maps, files)) if (await isOurs(pid, mapping)) found.push(mapping);
  const [mapping] = found;
  if (mapping === undefined || found.length !== 1) {
    throw new Error(`Process ${pid} maps its memory file ${found.length} times instead of once`);
  }
  if (!isWhole(mapping, size)) throw new Error(`Process ${pid} maps a part of its memory file only`);
  return { address: mapping.start, bytes: size };
}

interface MappedFile {
  readonly dev: number;
  readonly ino: number;
  /** Where in the memory a place of the file is; nowhere when no range that is mapped begins there. */
  readonly place: (offset: number) => number | undefined;
}

/** The lines of one memory: each file lies in it where it should, seen from the same start. */
interface Mapping {
  readonly start: number;
  readonly lines: { readonly line: MapsLine; readonly file: MappedFile }[];
}

/** By inode. */
async function mappedFiles(
  memoryFile: string,
  over: MappedPages | undefined,
): Promise<ReadonlyMap<number, MappedFile>> {
  const base = await stat(memoryFile);
  const files = new Map<number, MappedFile>([
    [base.ino, { dev: base.dev, ino: base.ino, place: (offset) => offset }],
  ]);
  for (const [index, path] of (over?.paths ?? []).entries()) {
    const { dev, ino } = await stat(path);
    const ofFile = over?.map.extents.filter(({ file }) => file === index) ?? [];
    const places = new Map(ofFile.map(({ filePage, firstPage }) => [filePage, firstPage]));
    files.set(ino, { dev, ino, place: (offset) => placeAt(places, offset) });
  }
  return files;
}

function placeAt(places: ReadonlyMap<number, number>, offset: number): number | undefined {
  const page = places.get(offset / PAGE_BYTES);
  return page === undefined ? undefined : page * PAGE_BYTES;
}

function groupByStart(maps: string, files: ReadonlyMap<number, MappedFile>): Iterable<Mapping> {
  const mappings = new Map<number, Mapping>();
  for (const text of maps.split("\n")) {
    const line = parseLine(text);
    const file = line && files.get(line.inode);
    const place = line && file?.place(line.offset);
    if (line === undefined || file === undefined || place === undefined) continue;
    const start = line.address - place;
    const mapping = mappings.get(start) ?? { start, lines: [] };
    mapping.lines.push({ line, file });
    mappings.set(start, mapping);
  }
  return mappings.values();
}

/** Other filesystems have files of the same number. There may be thousands of lines, in an order that is ours: one is asked for all. */
async function isOurs(pid: number, { lines }: Mapping): Promise<boolean> {
  const [first] = lines;
  return first !== undefined && (await isMappingOf(pid, first.line, first.file));
}

function isWhole({ start, lines }: Mapping, size: number): boolean {
  let end = start;
  for (const { line } of lines) {
    if (line.address !== end) return false;
    end += line.bytes;
  }
  return end === start + size;
}

interface MapsLine extends MemoryMapping {
  /** As the kernel names it in /proc/PID/map_files. */
  readonly range: string;
  readonly offset: number;
  readonly inode: number;
}

/**
 * The name in the list is the one inside QEMU's own root, and its device number is not
 * the one that `stat` gives on every filesystem; the file itself can be asked.
 */
async function isMappingOf(
  pid: number,
  { range }: MapsLine,
  file: { readonly dev: number; readonly ino: number },
): Promise<boolean> {
  try {
    const mapped = await stat(`/proc/${pid}/map_files/${range}`);
    return mapped.dev === file.dev && mapped.ino === file.ino;
  } catch (error) {
    // It is not mapped any more.
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** `7f..-7f.. rw-p 00000000 fe:00 1234   /path`, see proc_pid_maps(5). */
function parseLine(line: string): MapsLine | undefined {
  const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ (\d+)/.exec(line);
  if (match === null) return undefined;
  const [, start = "", end = "", offset = "", inode = ""] = match;
  const address = Number.parseInt(start, 16);
  return {
    range: `${start}-${end}`,
    address,
    bytes: Number.parseInt(end, 16) - address,
    offset: Number.parseInt(offset, 16),
    inode: Number(inode),
  };
}
