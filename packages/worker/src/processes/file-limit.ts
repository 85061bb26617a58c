/** The largest file a QEMU may write. The kernel refuses more, so that one that was taken over cannot fill the host with a single file. */
import { runTool } from "./spawn.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** What a qcow2 file has of tables: eight bytes for each cluster of 64 KiB, two for its count of users, and as much again for rounding. */
const TABLES_SHARE = 4096;
/** For the header, a device state and QEMU's log, which are no disks. */
const FIXED_BYTES = 64 * MIB;
const TOOL_TIMEOUT_MS = 10_000;

/** A whole disk in one overlay, with its tables. */
export function maxFileBytes(diskGib: number): number {
  return diskGib * GIB * (1 + 1 / TABLES_SHARE) + FIXED_BYTES;
}

/** For a disk that is larger than the one its QEMU was started for. As QEMU's own user, who may: root may not everywhere. */
export async function raiseFileLimit(pid: number, uid: number, diskGib: number): Promise<void> {
  // The colon: the limit that counts, and not the bound up to which it can be raised.
  await runTool("prlimit", ["--pid", `${pid}`, `--fsize=${maxFileBytes(diskGib)}:`], {
    timeoutMs: TOOL_TIMEOUT_MS,
    uid,
  });
}
