/**
 * Brings the cache within its budget: what was not used for the longest time goes first; what a daemon that runs has, what is current, and
 * what was used a moment ago stays, also over the budget. VMs, snapshots and paused VMs are not asked: they have the files by links of
 * their own.
 */
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { newPartialFolder, removePartials } from "../snapshot/partial-folder.ts";
import { bytesOf, CACHE_KINDS, currentEntries, listCache, shelvedBehind } from "./cache-entries.ts";
import type { CacheEntry, Shelves } from "./cache-entries.ts";
import type { CacheUsers } from "./cache-users.ts";

/** An image is built in a minute, and no daemon uses it before the build says that it is current. */
const LEFT_ALONE_MS = 10 * 60_000;

export interface CacheParts extends Shelves {
  readonly folder: string;
  readonly users: CacheUsers;
}

interface Sweep {
  readonly budgetBytes: number;
  /** Whether it is to go at all, beside what nobody needs. */
  readonly isMeant?: (entry: CacheEntry) => boolean;
}

/** Returns what is gone. */
export async function sweepCache(
  parts: CacheParts,
  { budgetBytes, isMeant = () => true }: Sweep,
): Promise<readonly CacheEntry[]> {
  const { folder: cacheFolder, users } = parts;
  // What a sweep left that was killed, and what daemons left that were killed while they built.
  for (const kind of CACHE_KINDS) await removePartials(join(cacheFolder, kind), "abandoned");
  const entries = new Set(await listCache(cacheFolder, parts));
  const removed: CacheEntry[] = [];
  const needed = await neededEntries(cacheFolder, users);
  for (const entry of dispensable(entries, needed).filter(isMeant)) {
    if (bytesOf(entries) <= budgetBytes) break;
    entries.delete(entry);
    if (await remove(parts, entry)) removed.push(entry);
  }
  return removed;
}

/** Whether it is gone. */
async function remove(
  { folder, users, shelf, builds }: CacheParts,
  { name, shelved, build }: CacheEntry,
): Promise<boolean> {
  if (shelved !== undefined) return await shelf.evict(shelved);
  return build === undefined ? await removeEntry(folder, name, users) : await builds.remove(build);
}

/** What daemons that run use, what is current, and images of registries that the former were made of. */
export async function neededEntries(cacheFolder: string, users: CacheUsers): Promise<ReadonlySet<string>> {
  const used = await users.used();
  return new Set([
    ...used,
    ...(await currentEntries(cacheFolder)),
    ...(await shelvedBehind(cacheFolder, used)),
  ]);
}

/** Longest unused first. */
function dispensable(entries: ReadonlySet<CacheEntry>, needed: ReadonlySet<string>): readonly CacheEntry[] {
  const untilMs = Date.now() - LEFT_ALONE_MS;
  return (
    [...entries]
      // Caches of builds are taken by a rename, not looked for and used.
      .filter(
        ({ name, lastUseMs, build }) => !needed.has(name) && (build !== undefined || lastUseMs < untilMs),
      )
      // What nobody else has may be somebody's only one.
      .filter(({ shelved, isTrimmed }) => shelved?.isPulled !== false && isTrimmed !== true)
      .toSorted((a, b) => a.lastUseMs - b.lastUseMs)
  );
}

/** Whether it is gone. From the first step on nobody finds it by its name; whoever came before that has said so and gets it back. */
async function removeEntry(cacheFolder: string, name: string, users: CacheUsers): Promise<boolean> {
  const folder = join(cacheFolder, name);
  const partial = await newPartialFolder(folder);
  try {
    await rename(folder, partial);
    // Or a power cut would give its name back to what is left of it.
    await syncPath(dirname(folder));
  } catch (error) {
    // Another daemon's sweep was quicker.
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
  const isWanted = (await users.used()).has(name) || (await currentEntries(cacheFolder)).includes(name);
  if (isWanted && (await putBack(partial, folder))) return false;
  await rm(partial, { recursive: true, force: true });
  return true;
}

/** False when somebody has made it anew meanwhile. */
async function putBack(partial: string, folder: string): Promise<boolean> {
  try {
    await rename(partial, folder);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOTEMPTY", "EEXIST")) return false;
    throw error;
  }
}
