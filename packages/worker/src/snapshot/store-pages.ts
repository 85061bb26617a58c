/** The page files of a captured memory, as a state has them. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { digestFile, digestOf } from "../files/digest.ts";
import type { PageMap } from "../memory/page-map.ts";
import { encodePageMap } from "../memory/page-map-file.ts";
import { linkPages, MAP_FILE, mappedIn, pageFile, PAGES_FOLDER } from "../memory/vm-memory.ts";
import type { VmMemory } from "../memory/vm-memory.ts";
import type { PageFileEntry, StoredPages } from "./manifest.ts";

/** Links what lies in the VM's folder into the state's, which has no pages yet. `undefined`: all of the memory is the base. */
export async function storePages(
  memory: VmMemory,
  folder: string,
  target: string,
  map: PageMap,
  durability: "durable" | "volatile",
): Promise<StoredPages | undefined> {
  if (map.extents.length === 0) return undefined;
  await mkdir(join(target, PAGES_FOLDER), { mode: CLOSED_FOLDER_MODE });
  await linkPages(target, map.files, mappedIn(folder, map).paths);
  const bytes = encodePageMap(map);
  await writeFile(join(target, MAP_FILE), bytes, { flag: "wx", mode: 0o600 });
  const sizes = await Promise.all(map.files.map(async (name) => (await stat(pageFile(target, name))).size));
  const files: PageFileEntry[] = [];
  // One after the other: a digest is work for the processor.
  for (const [index, name] of map.files.entries()) {
    const sha256 = durability === "durable" && (await knownDigest(memory, name, pageFile(target, name)));
    files.push({ name, bytes: sizes[index] ?? 0, ...(sha256 !== false && { sha256 }) });
  }
  return { map: { bytes: bytes.length, sha256: digestOf(bytes) }, files };
}

/** Page files never change: each is read for this once in the life of a VM. */
async function knownDigest(memory: VmMemory, name: string, path: string): Promise<string> {
  const digest = memory.digests.get(name) ?? (await digestFile(path));
  memory.digests.set(name, digest);
  return digest;
}
