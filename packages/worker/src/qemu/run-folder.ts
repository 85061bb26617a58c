/**
 * Where a QEMU makes its sockets. It owns the folder while it starts, before any guest has run in it; afterwards the folder
 * is root's, and whoever takes the QEMU over can neither put something else in a socket's place nor fill the disk with files.
 */
import { constants } from "node:fs";
import { chmod, chown, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { RUN_FOLDER } from "./machine.ts";

/** Its group, QEMU's own, passes through. */
const CLOSED_MODE = 0o710;
/** `chown` leaves the group as it is. */
const SAME = -1;

export async function makeRunFolder(folder: string, uid: number): Promise<void> {
  const run = join(folder, RUN_FOLDER);
  await mkdir(run, { mode: 0o700 });
  await chown(run, uid, uid);
}

/** Once the sockets are there. Again for one of a daemon that left it to QEMU. */
export async function closeRunFolder(folder: string): Promise<void> {
  const run = join(folder, RUN_FOLDER);
  await chown(run, 0, SAME);
  await chmod(run, CLOSED_MODE);
}

/** A file for QEMU to write to, since it can make none. Returns its name, relative to QEMU's working directory. */
export async function makeRunFile(folder: string, name: string, uid: number): Promise<string> {
  const path = join(folder, RUN_FOLDER, name);
  await rm(path, { force: true });
  await using file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  await file.chown(uid, uid);
  return join(RUN_FOLDER, name);
}
