/**
 * How many requests a key has left of its minute. Kept by each process for itself: two control planes let a key have as many
 * as it may have of each, and a restart forgets, which is why a rate protects the host and is no quota.
 */
import type { Clock } from "../../clock.ts";

const WINDOW_MS = 60_000;
/** Beyond so many keys those whose minute is over are forgotten. */
const SWEEP_ABOVE = 10_000;

/** After a request was counted. */
export interface KeyRate {
  readonly limit: number;
  readonly remaining: number;
  /** Until the next minute begins, in milliseconds. */
  readonly resetMs: number;
  /** Whether the request is one too many. */
  readonly isOver: boolean;
}

interface Minute {
  readonly endsAt: number;
  used: number;
}

export class KeyRates {
  readonly #clock: Clock;
  readonly #minutes = new Map<string, Minute>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(keyId: string, limit: number): KeyRate {
    const now = this.#clock.now();
    let minute = this.#minutes.get(keyId);
    if (minute === undefined || minute.endsAt <= now) {
      if (this.#minutes.size > SWEEP_ABOVE) this.#sweep(now);
      minute = { endsAt: now + WINDOW_MS, used: 0 };
      this.#minutes.set(keyId, minute);
    }
    minute.used += 1;
    const { used, endsAt } = minute;
    return { limit, remaining: Math.max(0, limit - used), resetMs: endsAt - now, isOver: used > limit };
  }

  #sweep(now: number): void {
    for (const [keyId, { endsAt }] of this.#minutes) if (endsAt <= now) this.#minutes.delete(keyId);
  }
}
