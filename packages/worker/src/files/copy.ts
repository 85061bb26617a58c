/** Copies and links of large sparse files. */
import { constants } from "node:fs";
import { chmod, copyFile, link, stat } from "node:fs/promises";
import { runTool } from "../processes/spawn.ts";
import { isErrno } from "./errno.ts";

/** Tens of GiB on a slow disk. */
const COPY_TIMEOUT_MS = 600_000;

/** Shares extents where the filesystem can, else copies data and keeps holes. */
export async function copySparse(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch (error) {
    if (!isErrno(error, "ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOTTY", "ENOSYS")) throw error;
    await runTool("cp", ["--sparse=auto", "--reflink=never", "--", from, to], { timeoutMs: COPY_TIMEOUT_MS });
    // As the reflink has it, whatever the umask: what QEMU may read it may read in the copy.
    await chmod(to, (await stat(from)).mode);
  }
}

/**
 * Gives an immutable file a second name, which keeps its content for as long as the name is there: link counts are
 * the reference counts of layers. Falls back to a copy across filesystems.
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!isErrno(error, "EXDEV", "EMLINK")) throw error;
    await copySparse(from, to);
  }
}
