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
