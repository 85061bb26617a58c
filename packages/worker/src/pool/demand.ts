/** How many of a thing are to be ready: more once callers found none, and step by step fewer when all have found one for a while. */

interface DemandBounds {
  readonly least: number;
  readonly most: number;
  /** So long nobody may have found none before there are fewer. */
  readonly idleMs: number;
}

/** Growing at most so fast, one burst does not fill the host with what nobody takes any more. */
const FACTOR = 2;

export class Demand {
  readonly #bounds: DemandBounds;
  #wanted: number;
  #missed = 0;
  #changedAt = 0;

  constructor(bounds: DemandBounds) {
    this.#bounds = bounds;
    this.#wanted = bounds.least;
  }

  /** Somebody found none. */
  miss(): void {
    this.#missed++;
  }

  /** As of now, by what was missed since it was asked last. */
  wanted(now: number): number {
    const { least, most, idleMs } = this.#bounds;
    if (this.#missed > 0) {
      this.#wanted = Math.min(most, this.#wanted + this.#missed, this.#wanted * FACTOR);
      this.#missed = 0;
      this.#changedAt = now;
    } else if (this.#wanted > least && now - this.#changedAt >= idleMs) {
      this.#wanted = Math.max(least, Math.floor(this.#wanted / FACTOR));
      this.#changedAt = now;
    }
    return this.#wanted;
  }

  /** Whether there will be fewer when nothing happens. */
  get isRaised(): boolean {
    return this.#wanted > this.#bounds.least;
  }
}
