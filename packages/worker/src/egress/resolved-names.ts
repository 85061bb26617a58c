/**
 * Which addresses a VM was told for which names: what ties a connection to a name is that, and not what the guest says of it.
 */
import type { LearnedAddress } from "../firewall/guest-port.ts";

/** Of names and addresses, each pair one; the oldest go first. */
const MAX_PAIRS = 8192;
/** Programs keep addresses for longer than they should; one that was told stays the name's for a while. */
const MIN_SEC = 3600;

export class ResolvedNames {
  /** Until when each is good, in the order in which they were told. */
  readonly #pairs = new Map<string, number>();

  note(entries: readonly LearnedAddress[], nowMs = Date.now()): void {
    for (const { name, isAlias, address, ttlSec } of entries) {
      if (isAlias) continue;
      const key = keyOf(name, address);
      this.#pairs.delete(key);
      this.#pairs.set(key, nowMs + Math.max(ttlSec, MIN_SEC) * 1000);
    }
    for (const oldest of this.#pairs.keys()) {
      if (this.#pairs.size <= MAX_PAIRS) break;
      this.#pairs.delete(oldest);
    }
  }

  has(name: string, address: string, nowMs = Date.now()): boolean {
    return (this.#pairs.get(keyOf(name, address)) ?? 0) > nowMs;
  }
}

function keyOf(name: string, address: string): string {
  return `${name.toLowerCase().replace(/\.$/, "")} ${address}`;
}
