/**
 * Folders through which nobody passes but root. A base memory, a layer or an overlay has one mode for all its hard links, and a QEMU
 * must be able to read what is linked into its own folder; so it is the folders above all other links that keep everybody else out.
 */
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export const CLOSED_FOLDER_MODE = 0o700;
const CLOSED_FILE_MODE = 0o600;
const OF_OTHERS = 0o077;

/** Makes it where it is missing; closes it where an older version, or a library, left it open. */
export async function makeClosedFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: CLOSED_FOLDER_MODE });
  await closeToOthers(folder);
}

/** Closes what lies in it as well, one level deep. */
export async function closeEntries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await closeToOthers(join(folder, name));
}

/** Does nothing where there is nothing. */
export async function closeToOthers(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & OF_OTHERS) === 0) return;
  await chmod(path, found.isDirectory() ? CLOSED_FOLDER_MODE : CLOSED_FILE_MODE);
}
