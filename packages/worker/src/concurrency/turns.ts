/**
 * First come, first served, so many at once. Work that shares the processors with all the rest ends together with all the rest, at the
 * end; in turns the first of a hundred is done after a hundredth of the time, and the last no later.
 */

interface Waiter {
  readonly begin: () => void;
}

export class Turns {
  readonly #atOnce: number;
  readonly #patienceMs: number;
  readonly #waiting = new Set<Waiter>();
  #working = 0;

  /** `patienceMs`: who takes longer goes on, but counts no more: one that hangs must not hold up all others. */
  constructor(atOnce: number, patienceMs: number) {
    this.#atOnce = atOnce;
    this.#patienceMs = patienceMs;
  }

  /** Resolves when it is the caller's turn, which ends when this is disposed of. Rejects with the reason of a signal aborted before. */
  async take(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#working >= this.#atOnce || this.#waiting.size > 0) await this.#wait(signal);
    else this.#working++;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(patience);
      this.#working--;
      this.#next();
    };
    const patience = setTimeout(end, this.#patienceMs);
    return { [Symbol.dispose]: end };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        begin: () => {
          signal?.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Counts the next before it has begun: whoever comes meanwhile is behind it. */
  #next(): void {
    if (this.#working >= this.#atOnce) return;
    const [waiter] = this.#waiting;
    if (waiter === undefined) return;
    this.#waiting.delete(waiter);
    this.#working++;
    waiter.begin();
  }
}
