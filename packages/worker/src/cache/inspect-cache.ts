/** How full the cache is, for people who ask. */
import { bytesOf, listCache } from "./cache-entries.ts";

interface CacheSize {
  readonly images: number;
  readonly templates: number;
  readonly bytes: number;
}

export async function inspectCache(cacheFolder: string): Promise<CacheSize> {
  const entries = await listCache(cacheFolder);
  const count = (kind: string): number => entries.filter(({ name }) => name.startsWith(`${kind}/`)).length;
  return { images: count("images"), templates: count("templates"), bytes: bytesOf(entries) };
}
