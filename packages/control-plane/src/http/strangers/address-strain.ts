/** How much work each address has made for nothing of late: it adds up, and passes with time. */
import { FORGET_MS, type StrangerLimits } from "./stranger-limits.ts";

interface Level {
  units: number;
  atMs: number;
}

type Limits = Pick<StrangerLimits, "strainEasedPerSec" | "addresses">;

export class AddressStrain {
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  /** The one that was added to last is last. */
  readonly #levels = new Map<string, Level>();
  #timer: NodeJS.Timeout | undefined;

  /** `nowMs` is of a clock that never goes back. */
  constructor(limits: Limits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Addresses that are kept in mind. */
  get size(): number {
    return this.#levels.size;
  }

  levelOf(address: string): number {
    const level = this.#levels.get(address);
    return level === undefined ? 0 : this.#eased(level);
  }

  /** Negative units take back what turned out to be no strain. */
  add(address: string, units: number): void {
    const sum = this.levelOf(address) + units;
    this.#levels.delete(address);
    if (sum <= 0) return;
    this.#levels.set(address, { units: sum, atMs: this.#nowMs() });
    const [quietest] = this.#levels.keys();
    if (this.#levels.size > this.#limits.addresses && quietest !== undefined) this.#levels.delete(quietest);
    this.#timer ??= setInterval(() => this.#forget(), FORGET_MS).unref();
  }

  #forget(): void {
    for (const [address, level] of this.#levels) {
      if (this.#eased(level) === 0) this.#levels.delete(address);
    }
    if (this.#levels.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #eased({ units, atMs }: Level): number {
    return Math.max(0, units - ((this.#nowMs() - atMs) * this.#limits.strainEasedPerSec) / 1000);
  }
}
