/**
 * A captured VM on disk. Templates, snapshots, paused VMs and the source of a fork are all such a folder:
 *
 *   manifest.json   written last
 *   state           device state, as QEMU saved it
 *   memory          the base, a hard link that templates, snapshots and VMs share
 *   delta           pages that differ from the base; absent when there are none
 *   disk/           layers, hard links too
 *   qemu/           the QEMU it was captured with, hard links too
 *
 * Every file is immutable once the manifest is there. Hard links are the reference counts: a folder can be deleted at any time, and what
 * others still need stays. It is built under a name that ends in `.partial` and renamed when all is on disk.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { allSettled } from "../concurrency/all-settled.ts";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import { publishFolder, syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { hasQemu, linkQemu, syncQemu } from "../qemu/qemu-set.ts";
import { readManifest } from "./manifest.ts";
import { newPartialFolder } from "./partial-folder.ts";
import type { Manifest } from "./manifest.ts";

export const STATE_FILE = "state";
export const DELTA_FILE = "delta";

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
    if (durability === "durable") await syncSnapshot(partial, manifest);
    await step("publish.synced");
    await publishFolder(partial, folder);
    await step("publish.done");
    return { folder, manifest };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Side by side: the filesystem writes its journal, and the disk empties its cache, once for many that wait and not once for each. */
async function syncSnapshot(folder: string, manifest: Manifest): Promise<void> {
  const files = [
    MEMORY_FILE,
    STATE_FILE,
    "manifest.json",
    ...(manifest.delta === undefined ? [] : [DELTA_FILE]),
    ...manifest.layers.map((layer) => join(DISK_FOLDER, layer.name)),
    DISK_FOLDER,
  ];
  const ofQemu = (await hasQemu(folder)) ? syncQemu(folder) : Promise.resolve();
  await allSettled([...files.map((file) => syncPath(join(folder, file))), ofQemu]);
}

/** Gives a captured VM a second folder, without copying anything. */
export async function linkSnapshot(from: Snapshot, to: string): Promise<void> {
  const { manifest, folder } = from;
  await linkBase(from, to);
  await linkOrCopy(join(folder, STATE_FILE), join(to, STATE_FILE));
  if (manifest.delta !== undefined) await linkOrCopy(join(folder, DELTA_FILE), join(to, DELTA_FILE));
  if (await hasQemu(folder)) await linkQemu(folder, to);
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
  for (const layer of layers) {
    await linkOrCopy(join(from, DISK_FOLDER, layer), join(to, DISK_FOLDER, layer));
  }
}
