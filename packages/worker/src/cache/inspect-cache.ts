/** How full the cache is, for people who ask. */
import { ImageStore } from "../images/image-store.ts";
import { BuildCaches, buildCachesIn } from "./build-caches.ts";
import { cacheBudget } from "./cache-budget.ts";
import { bytesOf, listCache } from "./cache-entries.ts";

interface CacheSize {
  readonly images: number;
  readonly templates: number;
  /** Of registries. */
  readonly pulled: number;
  /** Of builds, in the data folder. */
  readonly builds: number;
  readonly bytes: number;
  readonly budgetBytes: number;
}

/** `cacheGib`: as the operator says; of a folder that is not there yet its disk is not known. */
export async function inspectCache(
  cacheFolder: string,
  dataDir: string,
  cacheGib: number | undefined,
): Promise<CacheSize> {
  const shelves = { shelf: ImageStore.at(cacheFolder), builds: new BuildCaches(buildCachesIn(dataDir)) };
  const entries = await listCache(cacheFolder, shelves);
  const count = (kind: string): number => entries.filter(({ name }) => name.startsWith(`${kind}/`)).length;
  return {
    images: count("images"),
    templates: count("templates"),
    pulled: count("oci"),
    builds: count("builds"),
    bytes: bytesOf(entries),
    budgetBytes: await cacheBudget(cacheFolder, cacheGib).catch(() => 0),
  };
}
