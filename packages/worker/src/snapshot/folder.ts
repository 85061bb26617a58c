/**
 * A captured VM on disk. Templates, snapshots, paused VMs and the source of a fork are all such a folder:
 *
 *   manifest.json   written last
 *   state           device state, as QEMU saved it
 *   memory          the base, a hard link that templates, snapshots and VMs share
 *   memory.map      which pages are in which page file; absent when the memory is the base
 *   pages/          page files, hard links that states and VMs share; see memory/page-map.ts
 *   delta           what older versions had in place of both
 *   disk/           layers, hard links too
 *   qemu/           the QEMU it was captured with, hard links too
 *   volumes.table   what the server of its volumes knew; absent when it had none mounted
 *
 * Every file is immutable once the manifest is there. Hard links are the reference counts: a folder can be deleted at any time, and what
 * others still need stays. It is built under a name that ends in `.partial` and renamed when all is on disk.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { allSettled } from "../concurrency/all-settled.ts";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import { publishFolder, syncTree } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { DELTA_FILE } from "../memory/delta-file.ts";
import { MAP_FILE, PAGES_FOLDER } from "../memory/vm-memory.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { hasQemu, linkQemu } from "../qemu/qemu-set.ts";
import { readManifest } from "./manifest.ts";
import { newPartialFolder } from "./partial-folder.ts";
import type { Manifest } from "./manifest.ts";

export const STATE_FILE = "state";
export const VOLUMES_TABLE_FILE = "volumes.table";

export interface Snapshot {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** `undefined` where there is none. */
export async function openSnapshot(folder: string): Promise<Snapshot | undefined> {
  try {
    return { folder, manifest: await readManifest(folder) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Runs `build` on an empty folder beside the final one and publishes the result, durably if asked. When it fails nothing is left.
 */
export async function publishSnapshot(
  folder: string,
  build: (partial: string) => Promise<void>,
  durability: "durable" | "volatile",
): Promise<Snapshot> {
  const partial = await newPartialFolder(folder);
  // Linked into the folders of those who may read it; this one is nobody's but ours.
  await mkdir(join(partial, DISK_FOLDER), { recursive: true, mode: CLOSED_FOLDER_MODE });
  try {
    await step("publish.begun");
    await build(partial);
    await step("publish.built");
    const manifest = await readManifest(partial);
    // Also what a fork had no time to sync: page files and layers that its children have names for.
    if (durability === "durable") await syncTree(partial);
    await step("publish.synced");
    // What is gone with this daemon need not wait for a disk that others keep busy.
    if (durability === "durable") await publishFolder(partial, folder);
    else await rename(partial, folder);
    await step("publish.done");
    return { folder, manifest };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Beside the base; the folder comes after its files. */
function memoryFiles({ delta, pages }: Manifest): readonly string[] {
  if (delta !== undefined) return [DELTA_FILE];
  if (pages === undefined) return [];
  return [MAP_FILE, ...pages.files.map(({ name }) => join(PAGES_FOLDER, name)), PAGES_FOLDER];
}

/** Gives a captured VM a second folder, without copying anything. */
export async function linkSnapshot(from: Snapshot, to: string): Promise<void> {
  const { manifest, folder } = from;
  await linkBase(from, to);
  await linkOrCopy(join(folder, STATE_FILE), join(to, STATE_FILE));
  if (manifest.pages !== undefined) await mkdir(join(to, PAGES_FOLDER), { mode: CLOSED_FOLDER_MODE });
  for (const file of memoryFiles(manifest)) {
    if (file !== PAGES_FOLDER) await linkOrCopy(join(folder, file), join(to, file));
  }
  if (await hasQemu(folder)) await linkQemu(folder, to);
  if (manifest.volumesTable !== undefined)
    await linkOrCopy(join(folder, VOLUMES_TABLE_FILE), join(to, VOLUMES_TABLE_FILE));
  await linkOrCopy(join(folder, "manifest.json"), join(to, "manifest.json"));
}

/** Links what a restored VM reads: the base memory and the disk layers. `to` holds a disk folder already. */
async function linkBase(from: Snapshot, to: string): Promise<void> {
  await linkOrCopy(join(from.folder, MEMORY_FILE), join(to, MEMORY_FILE));
  await linkLayers(
    from.folder,
    to,
    from.manifest.layers.map((layer) => layer.name),
  );
}

export async function linkLayers(from: string, to: string, layers: readonly string[]): Promise<void> {
  await allSettled(
    layers.map((layer) => linkOrCopy(join(from, DISK_FOLDER, layer), join(to, DISK_FOLDER, layer))),
  );
}
