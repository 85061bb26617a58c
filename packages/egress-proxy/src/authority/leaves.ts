/** Certificates that were issued already, so that a name costs a signature once. */
import type { SecureContext } from "node:tls";
import type { Authority } from "./authority.ts";

interface LeafLimits {
  readonly capacity: number;
  readonly validityHours: number;
}

interface Leaf {
  readonly context: Promise<SecureContext>;
  readonly untilMs: number;
}

export class Leaves {
  readonly #authority: Authority;
  readonly #limits: LeafLimits;
  /** In the order of their last use. */
  readonly #leaves = new Map<string, Leaf>();

  constructor(authority: Authority, limits: LeafLimits) {
    this.#authority = authority;
    this.#limits = limits;
  }

  get size(): number {
    return this.#leaves.size;
  }

  of(name: string, nowMs = Date.now()): Promise<SecureContext> {
    const known = this.#leaves.get(name);
    this.#leaves.delete(name);
    const leaf = known !== undefined && known.untilMs > nowMs ? known : this.#issue(name, nowMs);
    this.#leaves.set(name, leaf);
    for (const oldest of this.#leaves.keys()) {
      if (this.#leaves.size <= this.#limits.capacity) break;
      this.#leaves.delete(oldest);
    }
    return leaf.context;
  }

  #issue(name: string, nowMs: number): Leaf {
    const context = this.#authority.issue(name, nowMs);
    // One that failed is tried again, and whoever asked for it is told.
    context.catch(() => this.#leaves.delete(name));
    return { context, untilMs: nowMs + this.#limits.validityHours * 3600_000 };
  }
}
