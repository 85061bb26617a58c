/** A VM's private memory: taken from a stopped process, put into a restored one, or melted into a new base. */
import { open } from "node:fs/promises";
import { copySparse } from "../files/copy.ts";
import { copyPages } from "./copy-pages.ts";
import { dataOffsetOf, encodeIndex, readIndex } from "./delta-file.ts";
import { countBytes, findDirtyPages } from "./dirty-pages.ts";
import type { MemoryMapping } from "./mapping.ts";

/**
 * Writes the dirty pages of a stopped VM to a new file; returns their bytes. The file is not synced: that waits until the VM runs again.
 */
export async function captureDelta(pid: number, mapping: MemoryMapping, path: string): Promise<number> {
  const ranges = await findDirtyPages(pid, mapping);
  await using memory = await open(`/proc/${pid}/mem`, "r");
  await using file = await open(path, "wx", 0o600);
  await file.write(encodeIndex(ranges), 0, null, 0);
  await copyPages(
    ranges,
    { fd: memory.fd, layout: "scattered", base: mapping.address },
    { fd: file.fd, layout: "packed", base: dataOffsetOf(ranges) },
  );
  return countBytes(ranges);
}

/** Writes a delta into the memory of a process that has not started its guest yet. */
export async function applyDelta(pid: number, mapping: MemoryMapping, path: string): Promise<void> {
  await using file = await open(path, "r");
  const index = await readIndex(file, mapping.bytes);
  await using memory = await open(`/proc/${pid}/mem`, "r+");
  await copyPages(
    index.ranges,
    { fd: file.fd, layout: "packed", base: index.dataOffset },
    { fd: memory.fd, layout: "scattered", base: mapping.address },
  );
}

/** Makes a new base, `target`, from a base and a delta. Shares the base's extents where the filesystem can. */
export async function flattenDelta(
  base: string,
  delta: string,
  target: string,
  options: { readonly baseIsEmpty?: boolean } = {},
): Promise<void> {
  await copySparse(base, target);
  await using source = await open(delta, "r");
  await using file = await open(target, "r+");
  const { size } = await file.stat();
  const index = await readIndex(source, size);
  await copyPages(
    index.ranges,
    { fd: source.fd, layout: "packed", base: index.dataOffset },
    { fd: file.fd, layout: "scattered", base: 0 },
    { skipZeroPages: options.baseIsEmpty === true },
  );
}
