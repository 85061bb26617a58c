/**
 * Shares the event loop: so many strangers' requests are begun in each of its turns, from each connection one
 * in turn. A read brings up to two thousand requests, and those that were reset meanwhile are never begun.
 */

interface TurnRequest {
  readonly isGone: () => boolean;
  readonly begin: () => void;
}

export class Turns<Connection extends object> {
  readonly #perTurn: number;
  #left: number;
  #isScheduled = false;
  /** Whose turn it is next is first. Bounded by the streams, or pipelined requests, that connections may have. */
  readonly #queues = new Map<Connection, TurnRequest[]>();

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /** At once, where there is no rush. */
  take(connection: Connection, request: TurnRequest): void {
    if (!this.#isScheduled) setImmediate(() => this.#turn());
    this.#isScheduled = true;
    if (this.#left > 0 && this.#queues.size === 0) {
      this.#left -= 1;
      request.begin();
      return;
    }
    const queue = this.#queues.get(connection);
    if (queue === undefined) this.#queues.set(connection, [request]);
    else queue.push(request);
  }

  #turn(): void {
    this.#left = this.#perTurn;
    this.#isScheduled = this.#queues.size > 0;
    if (this.#isScheduled) setImmediate(() => this.#turn());
    for (let next = this.#first(); next !== undefined && this.#left > 0; next = this.#first()) {
      const [connection, queue] = next;
      this.#queues.delete(connection);
      const request = queue.shift();
      if (queue.length > 0) this.#queues.set(connection, queue);
      if (request === undefined || request.isGone()) continue;
      this.#left -= 1;
      request.begin();
    }
  }

  #first(): [Connection, TurnRequest[]] | undefined {
    const [first] = this.#queues;
    return first;
  }
}
