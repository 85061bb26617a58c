/** What became of the questions of all guests. */
import type { DnsCounts } from "@fastvm/contract";

/** `malformed` is what was no question. */
export type Verdict = keyof DnsCounts | "malformed";

export class VerdictTotals {
  readonly #counts: Record<Verdict, number> = {
    answered: 0,
    refused: 0,
    filtered: 0,
    limited: 0,
    failed: 0,
    malformed: 0,
  };

  add(verdict: Verdict): void {
    this.#counts[verdict] += 1;
  }

  report(): Readonly<Record<Verdict, number>> {
    return { ...this.#counts };
  }
}
