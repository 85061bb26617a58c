/**
 * The filesystem of a directory volume. Only the host writes its structures, never a guest, so it is as trustworthy as the
 * host's own, and mounting it is safe. All its bytes are allocated before it is made: a sparse file behind a loop device loses
 * writes that were acknowledged when the host's disk fills up.
 */
import { open, readFile, rmdir, stat, statfs, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import { runTool } from "../processes/spawn.ts";
import { unmountCopies } from "./mount-copies.ts";
import { loopsBeneath, mountsBeneath } from "./mount-table.ts";

const GIB = 1024 ** 3;
/** Of `blocks`, as stat(2) counts them, whatever the filesystem has. */
const STAT_BLOCK_BYTES = 512;
/** Allocating is quick where the host's filesystem has extents; elsewhere every byte is written. */
const ALLOCATE_TIMEOUT_MS = 600_000;
/** The kernel goes through the journal of one that was not unmounted. */
const TOOL_TIMEOUT_MS = 120_000;
/** One that is ended in the midst leaves no file system. */
const RESIZE_TIMEOUT_MS = 600_000;
const ROOT_MODE = 0o755;

/**
 * Nothing in a volume is the host's to run, and no device in it is one. The kernel clears no tables of inodes by itself: over a loop
 * device that makes holes in the file, whose bytes are then reserved no more.
 */
const MOUNT_FLAGS = "nosuid,nodev,noexec,noatime,noinit_itable,errors=remount-ro";
const MOUNT_OPTIONS = `loop,${MOUNT_FLAGS}`;
/** The kernel gives a device up when it has written all that was in memory: on a busy disk that takes more than a second. */
const LOOP_TRIES = 80;
const LOOP_POLL_MS = 25;
/** So often it is looked for somebody who has a copy of the mount. */
const COPIES_EACH = 8;

/**
 * Nothing is reserved for root, and all blocks are the volume's; nothing is discarded, which would give the bytes back to the
 * host, and tables of inodes are cleared now, for the reason above. Inodes: one for 16 KiB.
 */
const MKFS_OPTIONS = ["-q", "-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,root_owner=0:0"];

/** Of a new file, or one that grows: all bytes up to that size. One that cannot be is as it was. */
export async function allocate(path: string, sizeGib: number): Promise<void> {
  await using file = await open(path, "a", 0o600);
  const { size } = await file.stat();
  if (size >= sizeGib * GIB) return;
  await reserve(path, sizeGib, size);
}

/** All its bytes up to that size, holes too. One that cannot be has the size that is given. */
export async function reserve(path: string, sizeGib: number, size: number): Promise<void> {
  await using file = await open(path, "a", 0o600);
  try {
    await runTool("fallocate", ["--length", `${sizeGib}GiB`, path], { timeoutMs: ALLOCATE_TIMEOUT_MS });
    await file.sync();
  } catch (error) {
    await truncate(path, size);
    throw asRefusal(error);
  }
}

/**
 * Bytes for it to grow, behind its end: it is as long as before. Nothing where the host's filesystem can reserve none there: whether it
 * grows is told when it is to be longer.
 */
export async function reserveBeyond(path: string, sizeGib: number): Promise<void> {
  try {
    await runTool("fallocate", ["--keep-size", "--length", `${sizeGib}GiB`, path], {
      timeoutMs: ALLOCATE_TIMEOUT_MS,
    });
  } catch (error) {
    await giveBeyondBack(path);
    if (isNotSupported(error)) return;
    throw asRefusal(error);
  }
}

/** What was reserved behind its end and not used. */
export async function giveBeyondBack(path: string): Promise<void> {
  const { blocks, size } = await stat(path);
  if (blocks * STAT_BLOCK_BYTES >= size + GIB / 2) await truncate(path, size);
}

/** What was written to it is on the disk. */
export async function writeOutMounted(target: string): Promise<void> {
  await runTool("sync", ["--file-system", target], { timeoutMs: ALLOCATE_TIMEOUT_MS });
}

function isNoRoom(error: unknown): boolean {
  return /No space left|quota exceeded|File too large/i.test(textOf(error));
}

/** `fallocate` has words of its own for a size that is to be kept. */
function isNotSupported(error: unknown): boolean {
  return /not supported|unsupported/i.test(textOf(error));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asRefusal(error: unknown): unknown {
  if (isNoRoom(error)) {
    return new FastvmError("out_of_disk", "the host cannot reserve the volume's bytes", { cause: error });
  }
  if (isNotSupported(error)) {
    return new FastvmError("not_supported", "the host's filesystem cannot reserve bytes", { cause: error });
  }
  return error;
}

/** What an older daemon has let become holes is taken again, as far as there is room; it holds what it held. */
export async function reserveHoles(image: string): Promise<void> {
  const { blocks, size } = await stat(image);
  if (blocks * STAT_BLOCK_BYTES >= size) return;
  await runTool("fallocate", ["--length", `${size}`, image], { timeoutMs: ALLOCATE_TIMEOUT_MS }).catch(
    (error: unknown) => {
      if (!isNoRoom(error)) throw error;
    },
  );
}

export async function makeFilesystem(image: string): Promise<void> {
  await runTool("mkfs.ext4", [...MKFS_OPTIONS, image], { timeoutMs: TOOL_TIMEOUT_MS });
}

/** The loop device goes by itself with the mount. */
export async function mountFilesystem(image: string, target: string, options = MOUNT_OPTIONS): Promise<void> {
  await runLocked(image, "mount", "-t", "ext4", "-o", options, image, target);
  // What a repair would put here the host alone would see; a volume begins empty.
  await rmdir(join(target, "lost+found")).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY", "EROFS")) throw error;
  });
}

/** Of a loop device that somebody has: a second one over the same file would be another filesystem to the kernel. */
export async function mountDevice(device: string, target: string): Promise<void> {
  await mountFilesystem(device, target, MOUNT_FLAGS);
}

export async function initialiseRoot(target: string): Promise<void> {
  await using root = await open(target, "r");
  await root.chmod(ROOT_MODE);
  await root.sync();
}

/**
 * Rejects with `volume_busy`, and it is mounted as before, when a VM's server has it: that has a mount of its own, so the kernel
 * alone knows.
 */
export async function unmountFilesystem(target: string): Promise<void> {
  const folder = dirname(target);
  if ((await mountsBeneath(folder)).length > 0)
    await runTool("umount", [target], { timeoutMs: TOOL_TIMEOUT_MS });
  // It goes with the last mount, a moment later.
  for (let tried = 1; tried <= LOOP_TRIES; tried++) {
    const [left] = await loopsBeneath(folder);
    if (left === undefined) return;
    if (tried % COPIES_EACH === 0) await unmountCopies(left.device, target);
    await sleep(LOOP_POLL_MS);
  }
  const [loop] = await loopsBeneath(folder);
  if (loop !== undefined) await mountDevice(loop.device, target);
  throw new FastvmError("volume_busy", "a VM has it mounted, or somebody in another mount namespace");
}

/** To the size of its file. Again for one that has it already. */
export async function growMounted(target: string): Promise<void> {
  const mounted = (await mountsBeneath(dirname(target))).find(({ path }) => path === target);
  if (mounted === undefined) throw new Error(`${target} is not mounted`);
  await runTool("losetup", ["--set-capacity", mounted.source], { timeoutMs: TOOL_TIMEOUT_MS });
  await runTool("resize2fs", [mounted.source], { timeoutMs: RESIZE_TIMEOUT_MS });
}

/** The same of one that is mounted nowhere, and that the kernel has unmounted: with a journal still to be gone through it loses files. */
export async function growUnmounted(image: string): Promise<void> {
  const command = ["--no-fork", image, "resize2fs", "-f", image];
  await runTool("flock", command, { timeoutMs: RESIZE_TIMEOUT_MS });
}

/** By one tool at a time: what a daemon that was killed has begun goes on beside the next one. */
async function runLocked(image: string, ...command: readonly string[]): Promise<void> {
  await runTool("flock", ["--no-fork", image, ...command], { timeoutMs: TOOL_TIMEOUT_MS });
}

/** Bit of a set of capabilities; see capabilities(7). */
const CAP_SYS_RESOURCE = 24n;

/** The kernel lets a mounted filesystem grow for whoever may go beyond limits; containers often may not. */
export async function mayGrowMounted(): Promise<boolean> {
  const [, effective = "0"] =
    /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

export async function usedBytes(target: string): Promise<number> {
  const { blocks, bfree, bsize } = await statfs(target);
  return (blocks - bfree) * bsize;
}

/** Loop devices that a daemon left which ended between making one and mounting it. */
export async function freeStaleLoops(root: string): Promise<void> {
  const mounted = new Set((await mountsBeneath(root)).map(({ source }) => source));
  for (const { device } of await loopsBeneath(root)) {
    if (!mounted.has(device)) await runTool("losetup", ["--detach", device], { timeoutMs: TOOL_TIMEOUT_MS });
  }
}
