/**
 * Work under way in this process, by what it works on: later requests join it, `close` waits for it, and the reconciler
 * leaves alone what is worked on. A delete waits for none of it: the worker, when it ends the VM, brings it to its end.
 */

interface Operation {
  readonly kind: string;
  readonly promise: Promise<unknown>;
}

/** What has been worked on since the watch began. */
export interface Watch extends Disposable {
  touched(key: string): boolean;
}

export class InflightOperations {
  readonly #operations = new Map<string, Operation>();
  /** How many work on a key now. */
  readonly #held = new Map<string, number>();
  readonly #watches = new Set<Set<string>>();
  readonly #onFailure: (key: string, error: unknown) => void;

  /** `onFailure` hears of work that did not come to the end that it meant to record. */
  constructor(onFailure: (key: string, error: unknown) => void = () => undefined) {
    this.#onFailure = onFailure;
  }

  /** One at a time for a key; the status of the record makes sure of that. */
  start<T>(key: string, kind: string, work: () => Promise<T>): Promise<T> {
    const promise = this.hold(key, work).finally(() => {
      if (this.#operations.get(key) === operation) this.#operations.delete(key);
    });
    // Someone may watch it or not: a failure nobody waits for is already in the record.
    promise.catch(() => undefined);
    const operation: Operation = { kind, promise };
    this.#operations.set(key, operation);
    return promise;
  }

  /** Begins before the first thing that others could see of the work, such as a status in between. Several may work on one key. */
  async hold<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    for (const watch of this.#watches) watch.add(key);
    try {
      return await work();
    } catch (error) {
      this.#onFailure(key, error);
      throw error;
    } finally {
      const left = (this.#held.get(key) ?? 0) - 1;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
    }
  }

  async holdAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = keys;
    return first === undefined ? work() : this.hold(first, () => this.holdAll(rest, work));
  }

  /** What one reads while it lasts is of one moment for every key that it was not told of. */
  watch(): Watch {
    const touched = new Set(this.#held.keys());
    this.#watches.add(touched);
    return {
      touched: (key) => touched.has(key),
      [Symbol.dispose]: () => this.#watches.delete(touched),
    };
  }

  /** Resolves when the operation of that kind ends, however it ends; `false` when there is none here. */
  async join(key: string, kind: string): Promise<boolean> {
    const operation = this.#operations.get(key);
    if (operation === undefined || operation.kind !== kind) return false;
    await operation.promise.catch(() => undefined);
    return true;
  }

  /** Resolves when whatever works on it now has ended, however it ends. */
  async settled(key: string): Promise<void> {
    await this.#operations.get(key)?.promise.catch(() => undefined);
  }

  /** Waits for all that is under way, but no longer than `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const all = [...this.#operations.values()].map((operation) => operation.promise);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([Promise.allSettled(all), timeout]);
    clearTimeout(timer);
  }
}
