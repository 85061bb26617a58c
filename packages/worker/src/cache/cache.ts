/** A daemon's part in the cache that all daemons of the machine share: says what it uses of it, and keeps it within its budget. */
import { getCompileCacheDir } from "node:module";
import { basename, relative } from "node:path";
import type { CacheHolding, CacheUse, PrunedCache, PruneOptions } from "@fastvm/contract";
import { bytesOf, isEntryName, type CacheEntry, type Shelves } from "./cache-entries.ts";
import { CacheUsers } from "./cache-users.ts";
import { useOf } from "./cache-use.ts";
import { trimCompiledCode } from "./compiled-code.ts";
import { SUPERSEDED_AFTER_MS, supersededEntries } from "./superseded.ts";
import { sweepCache, type CacheParts } from "./sweep-cache.ts";

/** Six times as often as others need it to believe us. */
const RENEW_MS = 10 * 60_000;

interface CacheOptions extends Shelves {
  readonly folder: string;
  readonly budgetBytes: number;
  /** Told of failures: the cache works without its users' list and without being swept, as on a disk that is full. */
  readonly onError: (error: unknown) => void;
}

export class Cache implements CacheHolding {
  readonly #options: CacheOptions;
  readonly #users: CacheUsers;
  readonly #renewing: NodeJS.Timeout;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#users = new CacheUsers(options.folder);
    this.#renewing = setInterval(() => {
      this.#users.renew().catch(options.onError);
    }, RENEW_MS);
    this.#renewing.unref();
  }

  get folder(): string {
    return this.#options.folder;
  }

  /** To be said of a folder before it is looked for. Of one elsewhere nothing has to be said. */
  async use(folder: string): Promise<void> {
    const name = relative(this.#options.folder, folder);
    if (!isEntryName(name)) return;
    await this.#users.add(name).catch(this.#options.onError);
  }

  /** One after the other. Never fails: what could not be removed is there at the next time. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(async () => {
      const { budgetBytes, onError } = this.#options;
      await trimCompiledCode(this.folder, codeOfThisNode()).catch(onError);
      await this.#removeSuperseded().catch(onError);
      await sweepCache(this.#parts, { budgetBytes }).catch(onError);
    });
    return this.#sweeping;
  }

  /** Whatever the budget. Templates first: their images are known by then to have none. */
  async #removeSuperseded(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const superseded = await supersededEntries(this.#options.folder);
      if (superseded.size === 0) return;
      const isMeant = ({ name, lastUseMs }: CacheEntry): boolean =>
        superseded.has(name) && lastUseMs < Date.now() - SUPERSEDED_AFTER_MS;
      await sweepCache(this.#parts, { budgetBytes: -1, isMeant });
    }
  }

  /** By kind, and what of it nobody needs. */
  async usage(): Promise<CacheUse> {
    return await useOf(this.#parts, this.#options.budgetBytes);
  }

  /** Takes away what nobody needs, whatever the budget. */
  async prune(options: PruneOptions): Promise<PrunedCache> {
    const isMeant = (entry: CacheEntry): boolean =>
      (entry.shelved === undefined ? options.templates : options.images) &&
      entry.lastUseMs <= Date.now() - options.unusedForMs;
    const pruned = this.#sweeping.then(() => sweepCache(this.#parts, { budgetBytes: -1, isMeant }));
    this.#sweeping = pruned.then(
      () => undefined,
      () => undefined,
    );
    return removedOf(await pruned);
  }

  get #parts(): CacheParts {
    const { folder, shelf, builds } = this.#options;
    return { folder, shelf, builds, users: this.#users };
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing);
    await this.#sweeping;
    await this.#users.release().catch(this.#options.onError);
  }
}

/** The folder's name, whatever cache it lies in. */
function codeOfThisNode(): string | undefined {
  const folder = getCompileCacheDir();
  return folder === undefined ? undefined : basename(folder);
}

function removedOf(entries: readonly CacheEntry[]): PrunedCache {
  return { removed: entries.map(({ name }) => name), bytes: bytesOf(entries) };
}
