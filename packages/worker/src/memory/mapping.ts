/** Where a VM's memory file is mapped in its QEMU process. */
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";

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
  const found = maps
    .split("\n")
    // Inode numbers are unique on one filesystem only, so the name counts too.
    .filter((line) => line.endsWith(`/${basename(memoryFile)}`))
    .map(parseLine)
    .filter((line) => line !== undefined)
    .filter((line) => line.inode === file.ino);
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
  readonly offset: number;
  readonly inode: number;
}

/** `7f..-7f.. rw-p 00000000 fe:00 1234   /path`, see proc_pid_maps(5). */
function parseLine(line: string): MapsLine | undefined {
  const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ (\d+)/.exec(line);
  if (match === null) return undefined;
  const [, start = "", end = "", offset = "", inode = ""] = match;
  const address = Number.parseInt(start, 16);
  return {
    address,
    bytes: Number.parseInt(end, 16) - address,
    offset: Number.parseInt(offset, 16),
    inode: Number(inode),
  };
}
