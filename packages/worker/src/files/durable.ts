/** Files that must be whole after a crash or a power loss: written aside, synced where power counts, renamed into place. */
import type { BigIntStats } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { step } from "@fastvm/contract";
import { allSettled } from "../concurrency/all-settled.ts";

const ASIDE = ".new";

/** Makes a file's or a folder's content survive power loss. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/** So that a folder is still there: its name, and those of the folders above it as far as `root`, which they may have been made with. */
export async function syncNames(folder: string, root: string): Promise<void> {
  for (let path = folder; path !== dirname(root); path = dirname(path)) await syncPath(dirname(path));
}

/**
 * Of all that is in a folder, and below it. Side by side: the filesystem writes its journal, and the disk empties its cache, once for many
 * that wait and not once for each. The files must be immutable from here on. One that was synced under another name before, as most of a
 * captured state, is not synced again: its new name is its folder's content, and that is.
 */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  await allSettled(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return entry.isFile() ? syncFrozen(path) : syncPath(path);
    }),
  );
}

/** Of files, by what they are and not by name. A captured state has some 40, most of them those of the one before. */
const MAX_KNOWN_SYNCED = 16_384;
const synced = new Set<string>();

/** Of a file that nobody changes any more: once, by whatever names it is known. */
export async function syncFrozen(path: string): Promise<void> {
  const known = identityOf(await stat(path, { bigint: true }));
  if (known !== undefined && synced.has(known)) return;
  await syncPath(path);
  if (known === undefined) return;
  const [oldest] = synced;
  if (oldest !== undefined && synced.size >= MAX_KNOWN_SYNCED) synced.delete(oldest);
  synced.add(known);
}

/** A number is given again once its file is gone, but then to one that was born later. `undefined`: the filesystem tells no births. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string | undefined {
  return birthtimeNs === 0n ? undefined : `${dev}:${ino}:${birthtimeNs}`;
}

/**
 * Replaces a file in one step: a reader sees the old content or the new, never a part. A power loss may leave an empty one: for what tells
 * of processes, which it ends as well.
 */
export async function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await replace(path, content, { mode, isSynced: false });
}

/** The same over a power loss, at the price of a sync. `aside`: where several write it at once, a name in its folder of whoever does. */
export async function replaceFileDurably(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, aside }: { readonly mode?: number; readonly aside?: string } = {},
): Promise<void> {
  await replace(path, content, { mode, isSynced: true, aside });
  await syncPath(dirname(path));
}

interface Replacing {
  readonly mode: number;
  readonly isSynced: boolean;
  readonly aside?: string | undefined;
}

async function replace(path: string, content: string | Uint8Array, replacing: Replacing): Promise<void> {
  const { aside = `${path}${ASIDE}` } = replacing;
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
