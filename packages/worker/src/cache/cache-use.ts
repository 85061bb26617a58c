/** How full the cache is and with what, for people who ask. */
import type { CacheUse } from "@fastvm/contract";
import { bytesOf, listCache } from "./cache-entries.ts";
import { neededEntries, type CacheParts } from "./sweep-cache.ts";

const KINDS = ["images", "templates", "rootfs", "oci", "builds", "compile"] as const;

export async function useOf(parts: CacheParts, budgetBytes: number): Promise<CacheUse> {
  const entries = await listCache(parts.folder, parts);
  const needed = await neededEntries(parts.folder, parts.users);
  const kinds = KINDS.map((kind) => {
    const ofKind = entries.filter(({ name }) => name.startsWith(`${kind}/`));
    const unneeded = ofKind.filter(
      ({ name, shelved, isTrimmed }) =>
        !needed.has(name) && shelved?.isPulled !== false && isTrimmed !== true,
    );
    return {
      kind,
      entries: ofKind.length,
      bytes: bytesOf(ofKind),
      unneeded: unneeded.length,
      unneededBytes: bytesOf(unneeded),
    };
  });
  return { budgetBytes, bytes: bytesOf(entries), kinds };
}
