/**
 * What VMs and snapshots take of the disk. Hard links are the reference counts: what nobody else has a name for comes free with the last
 * name in a VM's folders, or in a snapshot's.
 */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { DiskShare, DiskUsage, DiskUsers } from "@fastvm/contract";
import type { WorkerConfig } from "../../config.ts";
import { isErrno } from "../../files/errno.ts";
import { pausedFolder, snapshotFolder, stoppedFolder, vmFolder } from "./worker-context.ts";

/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;

/** By inode; the data folder is one filesystem. */
type Files = Map<number, FoundFile>;

interface FoundFile {
  readonly bytes: number;
  readonly links: number;
  /** As many of these were found. */
  names: number;
}

export async function diskUsage(config: WorkerConfig, { vmIds, snapshotIds }: DiskUsers): Promise<DiskUsage> {
  const all: Files = new Map();
  const shares: DiskShare[] = [];
  const folders = [
    // A VM at rest has one of them, one on its way two.
    ...vmIds.map((id) => [vmFolder(config, id), pausedFolder(config, id), stoppedFolder(config, id)]),
    ...snapshotIds.map((id) => [snapshotFolder(config, id)]),
  ];
  // One after the other: somebody who asks for all must not take the threads that others' files wait for.
  for (const of of folders) {
    const files: Files = new Map();
    for (const folder of of) await find(folder, files);
    shares.push(shareOf(files));
    for (const [inode, file] of files) all.set(inode, file);
  }
  return {
    usedBytes: sumOf([...all.values()]),
    vms: shares.slice(0, vmIds.length),
    snapshots: shares.slice(vmIds.length),
  };
}

function shareOf(files: Files): DiskShare {
  const found = [...files.values()];
  return { usedBytes: sumOf(found), ownBytes: sumOf(found.filter(({ links, names }) => names === links)) };
}

function sumOf(files: readonly FoundFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Where it goes meanwhile it takes nothing. */
async function find(folder: string, files: Files): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await find(path, files);
    else if (entry.isFile()) await count(path, files);
  }
}

async function count(path: string, files: Files): Promise<void> {
  const found = await orGone(lstat(path));
  if (found === undefined) return;
  const { ino, blocks, nlink } = found;
  const file = files.get(ino) ?? { bytes: blocks * STAT_BLOCK_BYTES, links: nlink, names: 0 };
  file.names += 1;
  files.set(ino, file);
}

async function entriesOf(folder: string) {
  return (await orGone(readdir(folder, { withFileTypes: true }))) ?? [];
}

async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
