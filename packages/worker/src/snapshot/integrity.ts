/** What the files of a snapshot are that are its own, for who wants to know later whether they still are. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { Turns } from "../concurrency/turns.ts";
import { DISK_FOLDER } from "../disk/chain.ts";
import { digestFile } from "../files/digest.ts";
import { isErrno } from "../files/errno.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { QEMU_FOLDER } from "../qemu/qemu-set.ts";
import { readManifest } from "./manifest.ts";

/** Each is work for a processor and the disk, for as long as gigabytes take, which VMs want as well. */
const MAX_AT_ONCE = 2;
const PATIENCE_MS = 600_000;

export class SnapshotDigests {
  readonly #digest: (path: string) => Promise<string>;
  readonly #turns = new Turns(MAX_AT_ONCE, PATIENCE_MS);
  /** By folder: those under way, which whoever asks for the same joins. */
  readonly #running = new Map<string, Promise<Record<string, string>>>();

  constructor(digest: (path: string) => Promise<string> = digestFile) {
    this.#digest = digest;
  }

  /**
   * SHA-256 by path, of the files that are there. Without what everything made of one image shares: the base memory, the lowest layer of
   * the disk and the QEMU, of gigabytes, which the cache has under digests of its own; which layer that is only the manifest says.
   */
  of(folder: string): Promise<Record<string, string>> {
    const running = this.#running.get(folder) ?? this.#begin(folder);
    this.#running.set(folder, running);
    return running;
  }

  async #begin(folder: string): Promise<Record<string, string>> {
    try {
      using _turn = await this.#turns.take();
      return await this.#read(folder);
    } finally {
      this.#running.delete(folder);
    }
  }

  async #read(folder: string): Promise<Record<string, string>> {
    const lowest = await lowestLayer(folder);
    const files = (await filesIn(folder)).filter(
      (path) => path !== MEMORY_FILE && path !== lowest && !path.startsWith(`${QEMU_FOLDER}/`),
    );
    const digests: Record<string, string> = {};
    // One after the other: a digest is work for the processor.
    for (const path of files.toSorted()) {
      const digest = await this.#digestOf(join(folder, path));
      if (digest !== undefined) digests[path] = digest;
    }
    if (!(await isThere(folder))) throw gone();
    return digests;
  }

  /** `undefined`: it is gone, by itself or with its snapshot. */
  async #digestOf(path: string): Promise<string | undefined> {
    try {
      return await this.#digest(path);
    } catch (error) {
      if (await isThere(path)) throw error;
      return undefined;
    }
  }
}

/** `undefined` where the manifest is not there or is damaged, which is for its digest to tell. */
async function lowestLayer(folder: string): Promise<string | undefined> {
  try {
    const { layers } = await readManifest(folder);
    return join(DISK_FOLDER, layers[0]?.name ?? "");
  } catch (error) {
    if (error instanceof FastvmError) throw error;
    return undefined;
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw gone();
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the snapshot is gone", { field: "snapshot" });
}
