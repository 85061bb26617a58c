/** How long upstreams take, as a cumulative histogram of seconds. */

/** From an upstream on the same host to one that is about to time out. */
const BOUNDS_SEC: readonly number[] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export interface LatencyReport {
  /** Answers that took at most `leSec`; those that took longer are only in `count`. */
  readonly buckets: readonly { readonly leSec: number; readonly count: number }[];
  readonly count: number;
  readonly sumSec: number;
  /** Attempts without a usable answer; not in `count`. */
  readonly failures: number;
}

export class LatencyTotals {
  readonly #counts = BOUNDS_SEC.map(() => 0);
  #count = 0;
  #sumSec = 0;
  #failures = 0;

  add(ms: number): void {
    const seconds = ms / 1000;
    this.#count += 1;
    this.#sumSec += seconds;
    for (const [index, bound] of BOUNDS_SEC.entries()) {
      if (seconds <= bound) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    }
  }

  addFailure(): void {
    this.#failures += 1;
  }

  report(): LatencyReport {
    return {
      buckets: BOUNDS_SEC.map((leSec, index) => ({ leSec, count: this.#counts[index] ?? 0 })),
      count: this.#count,
      sumSec: this.#sumSec,
      failures: this.#failures,
    };
  }
}
