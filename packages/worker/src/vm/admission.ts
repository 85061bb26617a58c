/** Whether the host has room for one more VM, by what is really free: guests share most of their memory, so promises say little. */
import { readFile, statfs } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";
import type { WorkerConfig } from "../config.ts";

/** Below this the next write of any running VM may fail. */
const RESERVE_DISK_BYTES = 256 * 1024 * 1024;

export async function assertRoom(config: WorkerConfig): Promise<void> {
  const [memoryMib, disk] = await Promise.all([availableMemoryMib(), diskRoom(config.dataDir)]);
  if (memoryMib < config.reserveMib) {
    throw new FastvmError("out_of_capacity", `${memoryMib} MiB of the host's memory are free`);
  }
  if (disk.freeBytes < RESERVE_DISK_BYTES) throw new FastvmError("out_of_disk");
}

/** Of the filesystem that a folder lies on. */
export async function diskRoom(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** The kernel's own estimate of what can be had without swapping. */
export async function availableMemoryMib(): Promise<number> {
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile("/proc/meminfo", "latin1"));
  return Math.floor(Number(match?.[1] ?? 0) / 1024);
}
