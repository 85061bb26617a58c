/** Pulls under way: who asks for the same again waits for the one that there is, and is told how it ended. */
import { FastvmError, type HeldImage } from "@fastvm/contract";
import type { OrgId } from "@fastvm/contract";

interface Pull {
  readonly orgId: OrgId;
  readonly result: Promise<HeldImage>;
  /** Who waits for it now. */
  waiting: number;
  isSettled: boolean;
}

/** Of one organisation, each with some layers at once. */
const MAX_PULLS = 8;
/** How long its end is kept for somebody who asks again; who does not within this time has gone. */
const KEPT_MS = 60_000;

export class Pulls {
  readonly #pulls = new Map<string, Pull>();
  readonly #answerMs: number;

  constructor(answerMs: number) {
    this.#answerMs = answerMs;
  }

  /** `undefined` when it takes longer than an answer may. */
  async join(orgId: OrgId, key: string, begin: () => Promise<HeldImage>): Promise<HeldImage | undefined> {
    const pull = this.#pulls.get(key) ?? this.#begin(orgId, key, begin);
    pull.waiting += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#answerMs);
    });
    try {
      return await Promise.race([pull.result, late]);
    } finally {
      clearTimeout(timer);
      pull.waiting -= 1;
      // Whoever waited knows.
      if (pull.isSettled && pull.waiting === 0) this.#forget(key, pull);
    }
  }

  #begin(orgId: OrgId, key: string, begin: () => Promise<HeldImage>): Pull {
    const others = [...this.#pulls.values()].filter((each) => each.orgId === orgId && !each.isSettled);
    if (others.length >= MAX_PULLS)
      throw new FastvmError("conflict", `${MAX_PULLS} pulls are under way, which is the most there may be`);
    const pull: Pull = { orgId, result: begin(), waiting: 0, isSettled: false };
    this.#pulls.set(key, pull);
    const settled = (): void => {
      pull.isSettled = true;
      if (pull.waiting === 0) setTimeout(() => this.#forget(key, pull), KEPT_MS).unref();
    };
    pull.result.then(settled, settled);
    return pull;
  }

  #forget(key: string, pull: Pull): void {
    if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
  }
}
