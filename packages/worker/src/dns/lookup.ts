/**
 * From a question to what the world says of it: from the VM's cache, from a question of its own
 * that is under way already, or from the upstreams. Each VM has a cache to itself: what is left of
 * a time to live, and how fast an answer comes, would tell one tenant what another has asked for.
 */
import { Cache, type CacheLimits } from "./cache.ts";
import type { Question } from "./header-guard.ts";
import type { Resolution } from "./resolution.ts";
import { UpstreamError } from "./upstream-exchange.ts";
import type { Asked } from "./upstreams.ts";

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

/** The look-ups of all VMs: what they share is how many questions may be under way. */
export class Lookups {
  readonly limits: CacheLimits;
  readonly #open = new Set<Lookup>();
  hits = 0;
  misses = 0;
  inFlight = 0;

  /** `limits` are those of each VM. */
  constructor(limits: CacheLimits) {
    this.limits = limits;
  }

  open(): Lookup {
    const lookup = new Lookup(this);
    this.#open.add(lookup);
    return lookup;
  }

  close(lookup: Lookup): void {
    this.#open.delete(lookup);
  }

  totals(): LookupTotals {
    const sizes = [...this.#open].map((lookup) => lookup.size);
    return {
      hits: this.hits,
      misses: this.misses,
      entries: sizes.reduce((sum, { entries }) => sum + entries, 0),
      bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      inFlight: this.inFlight,
    };
  }
}

/** Those of one VM. */
export class Lookup {
  readonly #shared: Lookups;
  readonly #cache: Cache;
  readonly #inFlight = new Map<string, Promise<Resolution>>();

  constructor(shared: Lookups) {
    this.#shared = shared;
    this.#cache = new Cache(shared.limits);
  }

  get size(): Cache["size"] {
    return this.#cache.size;
  }

  /** At once, or `undefined` when an upstream must be asked. */
  known(question: Question, { scope }: Pick<Asked, "scope">): Found | undefined {
    const nowMs = performance.now();
    const entry = this.#cache.get(keyOf(question, scope), nowMs);
    if (entry === undefined) return undefined;
    this.#shared.hits += 1;
    const ttlSec = Math.ceil((entry.expiresAtMs - nowMs) / 1000);
    return { resolution: entry.resolution, ttlSec };
  }

  /** Rejects with `UpstreamError`. */
  async ask(question: Question, asked: Asked): Promise<Found> {
    this.#shared.misses += 1;
    const key = keyOf(question, asked.scope);
    const resolution = await (this.#inFlight.get(key) ?? this.#start(key, question, asked));
    return { resolution, ttlSec: resolution.ttlSec };
  }

  #start(key: string, question: Question, asked: Asked): Promise<Resolution> {
    if (this.#shared.inFlight >= MAX_IN_FLIGHT) {
      return Promise.reject(new UpstreamError("too many questions are under way"));
    }
    const promise = this.#resolve(key, question, asked);
    this.#inFlight.set(key, promise);
    return promise;
  }

  async #resolve(key: string, question: Question, { upstreams }: Asked): Promise<Resolution> {
    this.#shared.inFlight += 1;
    try {
      const resolution = await upstreams.resolve(question);
      const expiresAtMs = performance.now() + resolution.ttlSec * 1000;
      this.#cache.set(key, { resolution, expiresAtMs });
      return resolution;
    } finally {
      this.#shared.inFlight -= 1;
      this.#inFlight.delete(key);
    }
  }
}

function keyOf({ type, name }: Question, scope: string): string {
  return `${type} ${name} ${scope}`;
}
