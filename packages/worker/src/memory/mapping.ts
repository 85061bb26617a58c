/** Where a VM's memory file is mapped in its QEMU process. */
import { readFile, stat } from "node:fs/promises";
import { isErrno } from "../files/errno.ts";

export const PAGE_BYTES = 4096;

export interface MemoryMapping {
  /** Address of the first byte in the process. Fits a double: user space ends at 2^47. */
  readonly address: number;
  readonly bytes: number;
}

/**
 * Finds the one mapping of `memoryFile` in process `pid`. Anything but exactly one whole mapping means that our picture of this
 * QEMU is wrong, and a capture built on it would be a corrupt one: it throws.
 */
export async function findMemoryMapping(pid: number, memoryFile: string): Promise<MemoryMapping> {
  const file = await stat(memoryFile);
  const maps = await readFile(`/proc/${pid}/maps`, "latin1");
  const candidates = maps
    .split("\n")
    .map(parseLine)
    .filter((line) => line !== undefined)
    .filter((line) => line.inode === file.ino);
  const found: MapsLine[] = [];
  for (const line of candidates) if (await isMappingOf(pid, line, file)) found.push(line);
  const [mapping] = found;
  if (mapping === undefined || found.length !== 1) {
    throw new Error(`Process ${pid} maps its memory file ${found.length} times instead of once`);
  }
  if (mapping.offset !== 0 || mapping.bytes !== file.size) {
    throw new Error(`Process ${pid} maps a part of its memory file only`);
  }
  return { address: mapping.address, bytes: mapping.bytes };
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
