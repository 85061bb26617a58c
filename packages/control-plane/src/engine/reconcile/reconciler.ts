/**
 * Keeps records and VMs together, always: what a record says is compared with what the worker
 * has, and brought to a settled state. It looks at single records when work on them failed, and
 * at all of them at start and now and then. What is worked on in this process it leaves alone.
 */
import type { Log } from "../../log.ts";
import type { InflightOperations, Watch } from "../inflight.ts";
import { isDatabaseFailure, Owed } from "./owed.ts";

/** Of those that differ. One whose worker call hangs must not hold up the others. */
const MAX_AT_ONCE = 8;
/** The next look does not wait longer for those that are not settled by then: deletes wait for a launch, which can take this long. */
const ROUND_MS = 10_000;

/** Compares and settles. Both may be asked for any key, also one that nobody knows. */
interface Comparison {
  readonly inflight: InflightOperations;
  /** Reads records and inventory; the result has one settlement for each record, or thing of the worker's, that differs. */
  compare(scope: Scope, watch: Watch): Promise<readonly Settlement[]>;
}

/** Keys of VMs and snapshots. `start`: all, when nobody is served yet. */
export type Scope = ReadonlySet<string> | "all" | "start";

export interface Settlement {
  readonly key: string;
  readonly settle: () => Promise<void>;
}

interface ReconcilerTimes {
  readonly reconcileEveryMs: number;
  readonly reconcileRetryMs: number;
}

export class Reconciler {
  readonly #comparison: Comparison;
  readonly #times: ReconcilerTimes;
  readonly #log: Log;
  readonly #owed = new Owed();
  /** What this reconciler itself works on. */
  readonly #settling = new Set<string>();
  #wanted = new Set<string>();
  #wantsAll = false;
  #retry: NodeJS.Timeout | undefined;
  #slow: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isAway = false;
  #isClosed = false;

  constructor(comparison: Comparison, times: ReconcilerTimes, log: Log) {
    this.#comparison = comparison;
    this.#times = times;
    this.#log = log;
  }

  /** Everything once, before anybody is served. Rejects when records or inventory cannot be read. */
  async start(): Promise<void> {
    await this.#look("start");
    this.#slow = setInterval(() => {
      this.#wantsAll = true;
      this.#lookSoon(0);
    }, this.#times.reconcileEveryMs);
    this.#slow.unref();
  }

  /** The step with which an operation ends. If the database does not take it, it is owed, and the operation fails. */
  async settle<T>(key: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (isDatabaseFailure(error)) this.owe(key, step);
      throw error;
    }
  }

  owe(key: string, step: () => Promise<unknown>): void {
    this.#owed.add(key, step);
    this.#want(key);
  }

  /** After work on it that failed: the worker's events may still be on their way. */
  lookLater(key: string): void {
    // What a worker refuses us it would refuse every second: the next look at all records asks again.
    if (!this.#settling.has(key)) this.#want(key);
  }

  /** For whoever met a record on its way between two states that nobody here works on. Never fails. */
  async lookNow(...keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    for (const key of keys) this.#wanted.add(key);
    await this.#lookAtWanted();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#slow);
    await this.#looking;
  }

  #want(key: string): void {
    this.#wanted.add(key);
    this.#lookSoon(this.#times.reconcileRetryMs);
  }

  #lookSoon(inMs: number): void {
    if (this.#isClosed || (this.#retry !== undefined && inMs > 0)) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.#lookAtWanted();
    }, inMs);
    this.#retry.unref();
  }

  async #lookAtWanted(): Promise<void> {
    const before = this.#looking;
    this.#looking = (async () => {
      await before;
      const scope = this.#wantsAll ? "all" : this.#wanted;
      const wanted = this.#wanted;
      this.#wantsAll = false;
      this.#wanted = new Set();
      if (scope !== "all" && scope.size === 0) return;
      try {
        await this.#look(scope);
        if (this.#isAway) this.#log.info({}, "records and VMs can be compared again");
        this.#isAway = false;
      } catch (error) {
        // Once for an outage, however long.
        if (!this.#isAway)
          this.#log.error(
            { err: error },
            "records and VMs could not be compared; tried again until they can",
          );
        this.#isAway = true;
        this.#wantsAll ||= scope === "all";
        for (const key of wanted) this.#wanted.add(key);
        this.#lookSoon(this.#times.reconcileRetryMs);
      }
    })();
    await this.#looking;
  }

  async #look(scope: Scope): Promise<void> {
    await this.#settleAll(this.#owed.keys.map((key) => ({ key, settle: () => this.#owed.pay(key) })));
    using watch = this.#comparison.inflight.watch();
    const settlements = await this.#comparison.compare(scope, watch);
    await this.#settleAll(settlements, watch);
  }

  async #settleAll(settlements: readonly Settlement[], watch?: Watch): Promise<void> {
    const left = [...settlements];
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        if (watch?.touched(next.key) !== true) await this.#attempt(next);
      }
    };
    // Who is not done by then is still held, so that nobody else settles it.
    await withinTime(ROUND_MS, Promise.all(Array.from({ length: MAX_AT_ONCE }, worker)));
  }

  /** One that cannot be settled is logged and does not stop the others. */
  async #attempt({ key, settle }: Settlement): Promise<void> {
    this.#settling.add(key);
    try {
      await this.#comparison.inflight.hold(key, settle);
    } catch (error) {
      this.#log.error({ err: error, key }, "a record could not be brought in line with the worker");
      if (isDatabaseFailure(error)) this.#want(key);
    } finally {
      this.#settling.delete(key);
    }
  }
}

async function withinTime(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
