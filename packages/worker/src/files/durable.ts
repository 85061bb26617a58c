/** Files that must be whole after a crash or a power loss: written aside, synced where power counts, renamed into place. */
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { step } from "@fastvm/contract";
import { allSettled } from "../concurrency/all-settled.ts";

const ASIDE = ".new";

/** Makes a file's or a folder's content survive power loss. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/**
 * Of all that is in a folder, and below it. Side by side: the filesystem writes its journal, and the disk empties its cache, once for many
 * that wait and not once for each.
 */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  await allSettled(entries.map((entry) => syncPath(join(entry.parentPath, entry.name))));
}

/**
 * Replaces a file in one step: a reader sees the old content or the new, never a part. A power loss may leave an empty one: for what tells
 * of processes, which it ends as well.
 */
export async function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await replace(path, content, { mode, isSynced: false });
}

/** The same over a power loss, at the price of a sync. */
export async function replaceFileDurably(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await replace(path, content, { mode, isSynced: true });
  await syncPath(dirname(path));
}

interface Replacing {
  readonly mode: number;
  readonly isSynced: boolean;
}

async function replace(path: string, content: string | Uint8Array, replacing: Replacing): Promise<void> {
  const aside = `${path}${ASIDE}`;
  await step("file.begun");
  try {
    await writeNew(aside, content, replacing);
    await step("file.written-aside");
    await rename(aside, path);
  } catch (error) {
    // On a full disk what is half written would keep the last of it.
    await rm(aside, { force: true });
    throw error;
  }
  await step("file.renamed");
}

/** What those who were killed had written aside of a folder's files. Nobody else may be at it. */
export async function removeAside(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() && entry.name.endsWith(ASIDE)) await rm(join(folder, entry.name), { force: true });
  }
}

async function writeNew(
  path: string,
  content: string | Uint8Array,
  { mode, isSynced }: Replacing,
): Promise<void> {
  await using file = await open(path, "w", mode);
  await file.writeFile(content);
  if (isSynced) await file.sync();
}

/** Renames a folder whose files are already synced, and makes the rename itself durable. */
export async function publishFolder(from: string, to: string): Promise<void> {
  await syncPath(from);
  await rename(from, to);
  try {
    await syncPath(dirname(to));
  } catch (error) {
    // Whoever is told that it failed must not find it there.
    await rename(to, from);
    throw error;
  }
}
