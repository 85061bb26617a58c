/**
 * What is in the cache folder that all daemons of a machine share, by what it is known by and how much of the disk it takes:
 *
 *   rootfs/<digest>/      what images are built of
 *   images/<digest>/      kernel, initramfs, root filesystem; `current` leads to the one that is built last
 *   templates/<digest>/   a captured state
 *   oci/                  images of registries, each with its blobs: `images/image-store.ts` knows them
 *   compile/<version>/    code that Node has translated: `compiled-code.ts` keeps it small, and here it only counts
 *
 * and what this daemon has beside it: caches of builds (`build-caches.ts`), as `builds/<organisation>`.
 * Anything else in there is not ours to judge. Files are shared by hard link between entries, and with VMs, so an entry alone says nothing
 * of what its end would free.
 */
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../files/errno.ts";
import { hexOf } from "../images/digest.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { ShelvedImage } from "../images/shelf.ts";
import type { BuildCache, BuildCaches } from "./build-caches.ts";
import { COMPILED, listCompiledCode } from "./compiled-code.ts";

type CacheKind = "rootfs" | "images" | "templates";

/** Images of registries in the cache, as the store of them has them. */
export type ImageShelf = Pick<ImageStore, "shelved" | "evict">;

/** Of this daemon's organisations. */
type BuildShelf = Pick<BuildCaches, "list" | "remove">;

/** What lies beside the folders of entries, or in none. */
export interface Shelves {
  readonly shelf: ImageShelf;
  readonly builds: BuildShelf;
}

export interface CacheEntry {
  /** From the cache folder: `templates/<digest>`. */
  readonly name: string;
  /** When somebody last said that it is used, or built it. */
  readonly lastUseMs: number;
  /** Allocated bytes by file, whatever number of names that has. */
  readonly files: ReadonlyMap<string, number>;
  /** Of an image of a registry. */
  readonly shelved?: ShelvedImage;
  /** Of builds: at rest, so nobody's. */
  readonly build?: BuildCache;
  /** It is made small by other rules, file by file. */
  readonly isTrimmed?: true;
}

export const CACHE_KINDS: readonly CacheKind[] = ["rootfs", "images", "templates"];
const ENTRY_NAME = /^(?:rootfs|images|templates)\/[0-9a-f]{64}$/;
const SHELF = "oci";
const BUILDS = "builds";
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;

export function isEntryName(name: string): boolean {
  return ENTRY_NAME.test(name);
}

export async function listCache(
  cacheFolder: string,
  {
    shelf,
    builds,
  }: { readonly shelf: Pick<ImageShelf, "shelved">; readonly builds: Pick<BuildShelf, "list"> },
): Promise<readonly CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const kind of CACHE_KINDS) {
    for (const digest of await namesIn(join(cacheFolder, kind))) {
      const name = `${kind}/${digest}`;
      if (!isEntryName(name)) continue;
      const entry = await readEntry(cacheFolder, name);
      if (entry !== undefined) entries.push(entry);
    }
  }
  for (const shelved of await shelf.shelved()) {
    const { digest, lastUseMs, files } = shelved;
    entries.push({ name: `${SHELF}/${hexOf(digest)}`, lastUseMs, files, shelved });
  }
  for (const build of await builds.list()) {
    const { orgId, lastUseMs, files } = build;
    entries.push({ name: `${BUILDS}/${orgId}`, lastUseMs, files, build });
  }
  return [...entries, ...(await compiledCode(cacheFolder))];
}

/** An entry for each version of Node. */
async function compiledCode(cacheFolder: string): Promise<readonly CacheEntry[]> {
  const byVersion = Map.groupBy(await listCompiledCode(cacheFolder), ({ version }) => version);
  return [...byVersion].map(([version, files]) => ({
    name: `${COMPILED}/${version}`,
    lastUseMs: files.reduce((last, { lastUseMs }) => Math.max(last, lastUseMs), 0),
    files: new Map(files.map(({ identity, bytes }) => [identity, bytes])),
    isTrimmed: true,
  }));
}

/** Each file once. */
export function bytesOf(entries: Iterable<CacheEntry>): number {
  const files = new Map([...entries].flatMap((entry) => [...entry.files]));
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Of entries in use, those images of registries that they were made of, as they are named here. */
export async function shelvedBehind(
  cacheFolder: string,
  names: Iterable<string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    if (!name.startsWith("images/")) continue;
    const text = await readFile(join(cacheFolder, name, "manifest.json"), "utf8").catch(() => "{}");
    const { manifestDigest } = JSON.parse(text) as { manifestDigest?: string };
    if (manifestDigest !== undefined) found.push(`${SHELF}/${hexOf(manifestDigest)}`);
  }
  return found;
}

/** What the next image is built of and the next daemon starts from, whether anybody runs or not. */
export async function currentEntries(cacheFolder: string): Promise<readonly string[]> {
  try {
    const digest = await readlink(join(cacheFolder, "images", "current"));
    const text = await readFile(join(cacheFolder, "images", digest, "manifest.json"), "utf8");
    const { recipeDigest } = JSON.parse(text) as { recipeDigest?: string };
    return [`images/${digest}`, ...(recipeDigest === undefined ? [] : [`rootfs/${recipeDigest}`])];
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** `undefined` when it has gone meanwhile. */
async function readEntry(cacheFolder: string, name: string): Promise<CacheEntry | undefined> {
  const folder = join(cacheFolder, name);
  try {
    const { mtimeMs } = await lstat(folder);
    const paths = await readdir(folder, { recursive: true });
    const found = await Promise.all(paths.map((path) => lstat(join(folder, path))));
    const files = found.filter((one) => !one.isDirectory());
    return {
      name,
      lastUseMs: mtimeMs,
      files: new Map(files.map(({ dev, ino, blocks }) => [`${dev}:${ino}`, blocks * STAT_BLOCK_BYTES])),
    };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
