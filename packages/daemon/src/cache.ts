/** What a data folder's daemon keeps ready in its cache, as root sees it and makes room over its socket. */
import type { CacheUse, PrunedCache, PruneOptions } from "@fastvm/contract";
import { askOperator } from "./operator-request.ts";
import { reasonOf } from "./organisations.ts";

export function cacheUse(dataDir: string): Promise<CacheUse> {
  return ask(dataDir, "/cache", "GET");
}

/** But for what the daemon, or another one of this machine, uses. */
export function pruneCache(dataDir: string, options: PruneOptions): Promise<PrunedCache> {
  return ask(dataDir, "/cache/prune", "POST", options);
}

async function ask<T>(dataDir: string, path: string, method: string, body?: object): Promise<T> {
  const answer = await askOperator(dataDir, path, method, body);
  if (answer.status !== 200) throw new Error(reasonOf(answer.body));
  return JSON.parse(answer.body) as T;
}
