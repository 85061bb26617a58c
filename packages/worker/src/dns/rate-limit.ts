/** A token bucket: so many per second in the long run, so many at once after a quiet time. */

export interface RateLimitOptions {
  readonly perSecond: number;
  readonly burst: number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: RateLimitOptions, nowMs: number) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAtMs = nowMs;
  }

  /** `nowMs` is of a clock that never goes back. */
  take(nowMs: number): boolean {
    const { perSecond, burst } = this.#options;
    const gained = ((nowMs - this.#filledAtMs) * perSecond) / 1000;
    this.#tokens = Math.min(burst, this.#tokens + gained);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
