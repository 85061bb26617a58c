/**
 * Brings the cache within its budget: what was not used for the longest time goes first; what a daemon that runs has, what is current, and
 * what was used a moment ago stays, also over the budget. VMs, snapshots and paused VMs are not asked: they have the files by links of
 * their own.
 */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../files/errno.ts";
import { newPartialFolder, removePartials } from "../snapshot/partial-folder.ts";
import { bytesOf, CACHE_KINDS, currentEntries, listCache } from "./cache-entries.ts";
import type { CacheEntry } from "./cache-entries.ts";
import type { CacheUsers } from "./cache-users.ts";

/** An image is built in a minute, and no daemon uses it before the build says that it is current. */
const LEFT_ALONE_MS = 10 * 60_000;

/** Returns the names of what is gone. */
export async function sweepCache(
  cacheFolder: string,
  budgetBytes: number,
  users: CacheUsers,
): Promise<readonly string[]> {
  // What a sweep left that was killed, and what daemons left that were killed while they built.
  for (const kind of CACHE_KINDS) await removePartials(join(cacheFolder, kind), "abandoned");
  const entries = new Set(await listCache(cacheFolder));
  const removed: string[] = [];
  for (const entry of await dispensable(cacheFolder, entries, users)) {
    if (bytesOf(entries) <= budgetBytes) break;
    entries.delete(entry);
    if (await removeEntry(cacheFolder, entry.name, users)) removed.push(entry.name);
  }
  return removed;
}

/** Longest unused first. */
async function dispensable(
  cacheFolder: string,
  entries: ReadonlySet<CacheEntry>,
  users: CacheUsers,
): Promise<readonly CacheEntry[]> {
  const needed = new Set([...(await users.used()), ...(await currentEntries(cacheFolder))]);
  const untilMs = Date.now() - LEFT_ALONE_MS;
  return [...entries]
    .filter(({ name, lastUseMs }) => !needed.has(name) && lastUseMs < untilMs)
    .toSorted((a, b) => a.lastUseMs - b.lastUseMs);
}

/** Whether it is gone. From the first step on nobody finds it by its name; whoever came before that has said so and gets it back. */
async function removeEntry(cacheFolder: string, name: string, users: CacheUsers): Promise<boolean> {
  const folder = join(cacheFolder, name);
  const partial = await newPartialFolder(folder);
  try {
    await rename(folder, partial);
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
