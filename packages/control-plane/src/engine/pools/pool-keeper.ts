/** Keeps all pools full, one look after the other; what it starts goes on beside it. */
import { forEverybody } from "../../for-everybody.ts";
import type { WarmPoolRecord } from "../../store/warm-pool-repository.ts";
import { keepPool, refill, type KeepContext } from "./keep-pool.ts";

/** Starts at once, of all pools: launches of clients come first on the host's processors. */
const MAX_STARTS_AT_ONCE = 2;
/** After a start that failed, doubled with each that fails next. */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;

interface Patience {
  readonly failures: number;
  readonly until: number;
}

export class PoolKeeper {
  readonly #ctx: KeepContext;
  /** By pool: how many are being started. */
  readonly #starting = new Map<string, number>();
  readonly #patience = new Map<string, Patience>();
  readonly #starts = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;
  #isWanted = false;
  #isClosed = false;
  #isAway = false;

  constructor(ctx: KeepContext) {
    this.#ctx = ctx;
    this.#timer = setInterval(() => this.wake(), ctx.config.poolEveryMs);
    this.#timer.unref();
    this.wake();
  }

  wake(): void {
    this.#isWanted = true;
    this.#looking ??= forEverybody(() => this.#look()).finally(() => {
      this.#looking = undefined;
    });
  }

  /** VMs that are being started are found by who comes next. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (this.#isWanted && !this.#isClosed && !this.#ctx.shutdown.hasBegun) {
      this.#isWanted = false;
      try {
        for (const pool of await this.#ctx.store.warmPools.listAll()) await this.#keep(pool);
        this.#isAway = false;
      } catch (error) {
        // Once for an outage, however long.
        if (!this.#isAway)
          this.#ctx.log.error({ err: error }, "pools cannot be looked after; tried again until they can");
        this.#isAway = true;
      }
    }
  }

  async #keep(given: WarmPoolRecord): Promise<void> {
    const { store, clock } = this.#ctx;
    const kept = await keepPool(this.#ctx, given);
    if (kept === undefined || this.#isClosed) return;
    const now = clock.now();
    await store.warmPools.update(given.id, { reconciledAt: now });
    if ((this.#patience.get(given.id)?.until ?? 0) > now) return;
    // Those that are being started and have no row yet are missing no more.
    const begun = this.#starting.get(given.id) ?? 0;
    for (let left = kept.missing - begun; left > 0 && this.#starts.size < MAX_STARTS_AT_ONCE; left -= 1) {
      this.#start(kept.pool);
    }
  }

  #start(pool: WarmPoolRecord): void {
    const { id } = pool;
    this.#starting.set(id, (this.#starting.get(id) ?? 0) + 1);
    const started = refill(this.#ctx, pool)
      .catch((error: unknown) => {
        this.#ctx.log.warn({ err: error, poolId: id }, "a VM for a pool could not be started");
        return false;
      })
      .then((isReady) => {
        this.#starts.delete(started);
        const left = (this.#starting.get(id) ?? 0) - 1;
        if (left > 0) this.#starting.set(id, left);
        else this.#starting.delete(id);
        this.#noteOutcome(id, isReady);
        this.wake();
      });
    this.#starts.add(started);
  }

  #noteOutcome(id: string, isReady: boolean): void {
    if (isReady) {
      this.#patience.delete(id);
      return;
    }
    const failures = (this.#patience.get(id)?.failures ?? 0) + 1;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), MAX_WAIT_MS);
    this.#patience.set(id, { failures, until: this.#ctx.clock.now() + wait });
  }
}
