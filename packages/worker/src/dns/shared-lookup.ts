/** From a question to what the world says of it: from the cache, from a question that is under way already, or from the upstreams. */
import { Cache, type CacheLimits } from "./cache.ts";
import type { Question } from "./header-guard.ts";
import type { Resolution } from "./resolution.ts";
import { UpstreamError } from "./upstream-exchange.ts";
import type { Upstreams } from "./upstreams.ts";

/** Each holds a socket; of all guests together. */
const MAX_IN_FLIGHT = 1024;

export interface Found {
  readonly resolution: Resolution;
  /** What is left of its TTL, at least 1. */
  readonly ttlSec: number;
}

export interface LookupTotals {
  readonly hits: number;
  /** Asked of an upstream, or joined to a question that was under way. */
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
  readonly inFlight: number;
}

export class SharedLookup {
  readonly #upstreams: Upstreams;
  readonly #cache: Cache;
  readonly #inFlight = new Map<string, Promise<Resolution>>();
  #hits = 0;
  #misses = 0;

  constructor(upstreams: Upstreams, limits: CacheLimits) {
    this.#upstreams = upstreams;
    this.#cache = new Cache(limits);
  }

  /** At once, or `undefined` when an upstream must be asked. */
  known(question: Question): Found | undefined {
    const nowMs = performance.now();
    const entry = this.#cache.get(keyOf(question), nowMs);
    if (entry === undefined) return undefined;
    this.#hits += 1;
    const ttlSec = Math.ceil((entry.expiresAtMs - nowMs) / 1000);
    return { resolution: entry.resolution, ttlSec };
  }

  /** Rejects with `UpstreamError`. */
  async ask(question: Question): Promise<Found> {
    this.#misses += 1;
    const key = keyOf(question);
    const resolution = await (this.#inFlight.get(key) ?? this.#start(key, question));
    return { resolution, ttlSec: resolution.ttlSec };
  }

  totals(): LookupTotals {
    return {
      hits: this.#hits,
      misses: this.#misses,
      ...this.#cache.size,
      inFlight: this.#inFlight.size,
    };
  }

  #start(key: string, question: Question): Promise<Resolution> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) {
      return Promise.reject(new UpstreamError("too many questions are under way"));
    }
    const promise = this.#resolve(key, question);
    this.#inFlight.set(key, promise);
    return promise;
  }

  async #resolve(key: string, question: Question): Promise<Resolution> {
    try {
      const resolution = await this.#upstreams.resolve(question);
      const expiresAtMs = performance.now() + resolution.ttlSec * 1000;
      this.#cache.set(key, { resolution, expiresAtMs });
      return resolution;
    } finally {
      this.#inFlight.delete(key);
    }
  }
}

function keyOf({ type, name }: Question): string {
  return `${type} ${name}`;
}
