/** What the files of a snapshot are that are its own, for who wants to know later whether they still are. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { digestFile } from "../files/digest.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { QEMU_FOLDER } from "../qemu/qemu-set.ts";
import { openSnapshot } from "./folder.ts";

/**
 * SHA-256 by path. Without what everything made of one image shares: the base memory, the lowest layer of the disk and the QEMU, of
 * gigabytes, which the cache has under digests of its own.
 */
export async function digestSnapshot(folder: string): Promise<Record<string, string>> {
  const snapshot = await openSnapshot(folder);
  if (snapshot === undefined)
    throw new FastvmError("not_found", "the snapshot is gone", { field: "snapshot" });
  const { manifest } = snapshot;
  const lowest = join(DISK_FOLDER, manifest.layers[0]?.name ?? "");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((path) => path !== MEMORY_FILE && path !== lowest && !path.startsWith(`${QEMU_FOLDER}/`));
  const digests: Record<string, string> = {};
  // One after the other: a digest is work for the processor.
  for (const path of files.toSorted()) digests[path] = await digestFile(join(folder, path));
  return digests;
}
