/**
 * What the worker knows of the memory of a VM that runs. Always true of it:
 *
 *     the memory  =  what its process has mapped  +  all pages that are private to the process
 *                 =  what was captured last       +  the pages that were written since they were last protected
 *
 * The first holds by itself, whatever becomes of the worker. The second is known only while nothing went wrong: whoever protects pages
 * first forgets what was captured, on disk before anywhere else, and says what there is once all that was written before is in a file. So
 * a capture that fails, a helper or a daemon that is killed at any point leave a VM whose next capture copies all that is private, and
 * never one that misses a page.
 *
 * A page that a capture left out because its guest had it free (capture-memory.ts) is the base's in what was captured, and whatever it was
 * in the process. The second holds for it as far as a guest can tell: Linux takes what is in a free page for unknown until it has written
 * it, and then it counts as written.
 *
 *   memory.map     what its process has mapped over the base; absent: nothing
 *   captured.map   what was captured last; absent: not known
 *   pages/         the page files of both, hard links
 */
import { chmod, mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { allSettled } from "../concurrency/all-settled.ts";
import { linkOrCopy } from "../files/copy.ts";
import { replaceFile } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { PAGE_BYTES } from "./mapping.ts";
import type { MappedPages } from "./mapping.ts";
import { emptyMap } from "./page-map.ts";
import type { PageMap } from "./page-map.ts";
import { decodePageMap, encodePageMap } from "./page-map-file.ts";

/** Names that the library in QEMU knows, too: native/memory/extents.c. */
export const MAP_FILE = "memory.map";
export const PAGES_FOLDER = "pages";
const CAPTURED_FILE = "captured.map";
/** The user of a QEMU passes through to what it has a name for, and reads it. */
const PAGES_FOLDER_MODE = 0o711;
const READABLE = 0o444;

export class VmMemory {
  /** What its process has mapped. Never changes. */
  readonly spawned: PageMap;
  /** Of page files, as far as they are known. */
  readonly digests = new Map<string, string>();
  #captured: PageMap | undefined;

  /** `captured`: as it lies in the VM's folder. */
  constructor(spawned: PageMap, captured?: PageMap) {
    this.spawned = spawned;
    this.#captured = captured;
  }

  /** What was captured last, or restored; `undefined`: not known, and what is private is all there is to go by. */
  get captured(): PageMap | undefined {
    return this.#captured;
  }

  /** Before any page is protected. The page files stay, as a capture goes on from them. */
  async forget(folder: string): Promise<void> {
    this.#captured = undefined;
    await rm(join(folder, CAPTURED_FILE), { force: true });
  }

  /** All that was written before the last protection is in the files of `map`. */
  async remember(folder: string, map: PageMap): Promise<void> {
    this.#captured = map;
    await replaceFile(join(folder, CAPTURED_FILE), encodePageMap(map));
  }

  /** Removes the page files that neither its process nor the next capture needs. */
  async removeUnused(folder: string): Promise<void> {
    const used = new Set([...this.spawned.files, ...(this.#captured?.files ?? [])]);
    for (const name of await entriesOf(join(folder, PAGES_FOLDER))) {
      if (!used.has(name)) await rm(pageFile(folder, name), { force: true });
    }
    for (const name of this.digests.keys()) if (!used.has(name)) this.digests.delete(name);
  }
}

/** What a daemon that is gone left of a VM that lives. */
export async function findVmMemory(folder: string, memoryPages: number): Promise<VmMemory> {
  const spawned = (await readMap(join(folder, MAP_FILE), memoryPages)) ?? emptyMap(memoryPages);
  const memory = new VmMemory(spawned, await readMap(join(folder, CAPTURED_FILE), memoryPages));
  await memory.removeUnused(folder);
  return memory;
}

/** Makes the folder of a VM's page files, and says what its QEMU is to map over the base. */
export async function giveSpawnMap(folder: string, { map, paths }: MappedPages): Promise<void> {
  await mkdir(join(folder, PAGES_FOLDER), { mode: PAGES_FOLDER_MODE });
  // Whatever the umask.
  await chmod(join(folder, PAGES_FOLDER), PAGES_FOLDER_MODE);
  if (map.extents.length === 0) return;
  await linkPages(folder, map.files, paths);
  // Older versions wrote such files for themselves alone.
  await allSettled(map.files.map((name) => chmod(pageFile(folder, name), READABLE)));
  const path = join(folder, MAP_FILE);
  await writeFile(path, encodePageMap(map), { flag: "wx" });
  await chmod(path, READABLE);
}

/** One of holes, to be copied into. */
export async function makePageFile(folder: string, name: string, pages: number): Promise<string> {
  const path = pageFile(folder, name);
  await using file = await open(path, "wx", READABLE);
  // Whatever the umask: who is restored maps it.
  await file.chmod(READABLE);
  await file.truncate(pages * PAGE_BYTES);
  return path;
}

/** Gives `folder` names for page files; those that it has it keeps. */
export async function linkPages(
  folder: string,
  names: readonly string[],
  paths: readonly string[],
): Promise<void> {
  const link = async (name: string, path: string): Promise<void> => {
    try {
      await linkOrCopy(path, pageFile(folder, name));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  };
  await allSettled(names.map((name, index) => link(name, paths[index] ?? "")));
}

/** In the folder of a VM or of a captured state. */
export function pageFile(folder: string, name: string): string {
  return join(folder, PAGES_FOLDER, name);
}

/** The map with the files that lie in a VM's folder. */
export function mappedIn(folder: string, map: PageMap): MappedPages {
  return { map, paths: map.files.map((name) => pageFile(folder, name)) };
}

async function readMap(path: string, memoryPages: number): Promise<PageMap | undefined> {
  try {
    return decodePageMap(await readFile(path), memoryPages);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** None of a VM that a daemon started which had no page files. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
