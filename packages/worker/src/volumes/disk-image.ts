/** A disk in a file of the host that a VM mounts: what it gets is a copy, so whatever it does to it is its own. */
import { open, realpath } from "node:fs/promises";
import { constants } from "node:fs";
import { FastvmError } from "@fastvm/contract";
import { runTool } from "../processes/spawn.ts";

/** Where blocks cannot be shared all of it is read and written. */
const COPY_TIMEOUT_MS = 600_000;

/** `path` has no link in it. Holes stay holes, and blocks are shared where the file system can. */
export async function copyDiskImage(path: string, into: string): Promise<void> {
  await using source = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const opened = `/proc/self/fd/${source.fd}`;
  if ((await realpath(opened)) !== path || !(await source.stat()).isFile()) {
    throw new FastvmError("conflict", `${path} is no disk image`);
  }
  const held = `/proc/${process.pid}/fd/${source.fd}`;
  await runTool("cp", ["--dereference", "--reflink=auto", "--sparse=always", held, into], {
    timeoutMs: COPY_TIMEOUT_MS,
  });
}

const VMDK_MAGIC = "KDMV";
const SECTOR_BYTES = 512n;
/** QEMU's own limit of 2 TiB for one extent. */
const MAX_SECTORS = 1n << 32n;
/** In sectors; 0 where the file has only a text that names others. */
const CAPACITY_AT = 12;

/** In bytes. A vmdk may be a text that names other files, which QEMU would open: only those that are all of the disk are taken. */
export async function capacityOf(copy: string, path: string): Promise<number> {
  await using file = await open(copy, "r");
  const head = Buffer.alloc(CAPACITY_AT + 8);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const sectors = head.readBigUInt64LE(CAPACITY_AT);
  const isWhole = bytesRead === head.length && head.toString("latin1", 0, 4) === VMDK_MAGIC;
  if (isWhole && sectors > 0n && sectors <= MAX_SECTORS) return Number(sectors * SECTOR_BYTES);
  throw new FastvmError("conflict", `${path} is no vmdk of one file, as a sparse or stream-optimised one is`);
}
