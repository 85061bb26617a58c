/** What was resolved, for as long as it holds. Bounded in entries and bytes: what was not asked for the longest goes first. */
import type { Resolution } from "./resolution.ts";

export interface CacheLimits {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Of one VM: 300 names of three addresses fill the bytes, 1,000 are without records; a
 * build asks for some hundred. On a host of 200 VMs that all mean ill it is 100 MiB.
 */
export const DEFAULT_CACHE_LIMITS: CacheLimits = { entries: 1000, bytes: 512 * 1024 };

/** A key, a map's entry and the objects. An entry of three addresses was measured at 1,700 bytes in all (Node 24), and is counted so. */
const ENTRY_OVERHEAD_BYTES = 450;

/** A resolution and when it ends, in ms of the clock that the cache is asked with. */
interface TimedResolution {
  readonly resolution: Resolution;
  readonly expiresAtMs: number;
}

export class Cache {
  readonly #limits: CacheLimits;
  /** In the order of their last use. */
  readonly #entries = new Map<string, TimedResolution>();
  #bytes = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  get(key: string, nowMs: number): TimedResolution | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAtMs <= nowMs) {
      this.#bytes -= cost(entry);
      return undefined;
    }
    this.#entries.set(key, entry);
    return entry;
  }

  set(key: string, entry: TimedResolution): void {
    this.#delete(key);
    this.#entries.set(key, entry);
    this.#bytes += cost(entry);
    while (this.#entries.size > this.#limits.entries || this.#bytes > this.#limits.bytes) {
      const oldest = this.#entries.keys().next();
      if (oldest.done === true) return;
      this.#delete(oldest.value);
    }
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= cost(entry);
  }
}

function cost(entry: TimedResolution): number {
  return entry.resolution.bytes + ENTRY_OVERHEAD_BYTES;
}
