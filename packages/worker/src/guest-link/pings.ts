/** Questions to the guest's agent that are under way, each with a number of its own. */

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Pings {
  readonly #pending = new Map<bigint, Pending>();
  #next = 1n;

  /** A new question: what to send, and what resolves when the same bytes come back. */
  ask(): { readonly payload: Buffer; readonly answered: Promise<void>; readonly forget: () => void } {
    const id = this.#next++;
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64LE(id);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    this.#pending.set(id, { resolve, reject });
    return { payload, answered: promise, forget: () => this.#pending.delete(id) };
  }

  receive(payload: Buffer): void {
    if (payload.length !== 8) return;
    const id = payload.readBigUInt64LE(0);
    this.#pending.get(id)?.resolve();
    this.#pending.delete(id);
  }

  fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
