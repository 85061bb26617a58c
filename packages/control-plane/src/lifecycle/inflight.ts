/** Work under way in this process, by what it works on: later requests join it, a delete aborts it, `close` waits for it. */

interface Operation {
  readonly kind: string;
  readonly controller: AbortController;
  readonly promise: Promise<unknown>;
}

export class InflightOperations {
  readonly #operations = new Map<string, Operation>();

  /** One at a time for a key; the status of the record makes sure of that. */
  start<T>(key: string, kind: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const promise = work(controller.signal).finally(() => {
      if (this.#operations.get(key) === operation) this.#operations.delete(key);
    });
    // Someone may watch it or not: a failure nobody waits for is already in the record.
    promise.catch(() => undefined);
    const operation: Operation = { kind, controller, promise };
    this.#operations.set(key, operation);
    return promise;
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

  abort(key: string, reason: Error): void {
    this.#operations.get(key)?.controller.abort(reason);
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
