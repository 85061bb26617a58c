/** The memory of a captured state: its base, and the page map over it with its files. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { checksumFile } from "../files/checksum.ts";
import { digestFile, digestOf } from "../files/digest.ts";
import { DELTA_FILE, readDelta } from "../memory/delta-file.ts";
import { PAGE_BYTES } from "../memory/mapping.ts";
import type { MappedPages } from "../memory/mapping.ts";
import { emptyMap } from "../memory/page-map.ts";
import { assertWithinFiles, DamagedMapError, decodePageMap } from "../memory/page-map-file.ts";
import { MAP_FILE, pageFile } from "../memory/vm-memory.ts";
import type { Snapshot } from "./folder.ts";
import type { StoredPages } from "./manifest.ts";

/** A captured state with all that a restore needs to know of its memory. */
export interface OpenedSnapshot extends Snapshot {
  readonly memory: MappedPages;
}

/** Checks the map, and that its files are as long as it needs them. Throws `snapshot_incompatible`. */
export async function openMemory(snapshot: Snapshot): Promise<OpenedSnapshot> {
  return { ...snapshot, memory: await readMemory(snapshot) };
}

async function readMemory({ folder, manifest }: Snapshot): Promise<MappedPages> {
  const memoryPages = manifest.memory.bytes / PAGE_BYTES;
  try {
    if (manifest.pages !== undefined) return await openPages(folder, manifest.pages, memoryPages);
    if (manifest.delta === undefined) return { map: emptyMap(memoryPages), paths: [] };
    const path = join(folder, DELTA_FILE);
    return { map: await readDelta(path, DELTA_FILE, memoryPages), paths: [path] };
  } catch (error) {
    if (error instanceof DamagedMapError) throw damaged(error);
    throw error;
  }
}

/** Of files that a load reads from beginning to end. Throws `snapshot_incompatible`. */
export async function verifyPages({ folder, manifest }: Snapshot): Promise<void> {
  const { delta, pages } = manifest;
  if (delta !== undefined && (await checksumFile(join(folder, DELTA_FILE))) !== delta.crc32)
    throw damagedBy(`${DELTA_FILE} has changed`);
  for (const { name, sha256 } of pages?.files ?? []) {
    // Without: a state of this daemon's own, of a moment ago.
    if (sha256 !== undefined && (await digestFile(pageFile(folder, name))) !== sha256)
      throw damagedBy(`page file ${name} has changed`);
  }
}

async function openPages(
  folder: string,
  { map: stored, files }: StoredPages,
  memoryPages: number,
): Promise<MappedPages> {
  const bytes = await readFile(join(folder, MAP_FILE));
  if (bytes.length !== stored.bytes || digestOf(bytes) !== stored.sha256)
    throw damagedBy(`${MAP_FILE} has changed`);
  const map = decodePageMap(bytes, memoryPages);
  const paths = map.files.map((name) => pageFile(folder, name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const described = new Map(files.map(({ name, bytes: size }) => [name, size]));
  const other = map.files.findIndex((name, index) => described.get(name) !== sizes[index]);
  if (other >= 0)
    throw damagedBy(`page file ${map.files[other]} has ${sizes[other]} bytes, and was described otherwise`);
  if (files.length !== map.files.length) throw damagedBy("more page files are described than it needs");
  assertWithinFiles(
    map,
    sizes.map((size) => Math.floor(size / PAGE_BYTES)),
  );
  return { map, paths };
}

function damagedBy(why: string): FastvmError {
  return damaged(new Error(why));
}

/** Why is for the log: who restores it can do nothing with it. */
function damaged(cause: Error): FastvmError {
  return new FastvmError("snapshot_incompatible", "its memory is damaged", { cause });
}
