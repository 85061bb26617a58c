/** How long a service may be silent before its headers. Only its own silence counts, not that of a client that uploads slowly. */
export class AnswerDeadline {
  readonly #ms: number;
  readonly #onLate: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(ms: number, onLate: () => void) {
    this.#ms = ms;
    this.#onLate = onLate;
  }

  /** It is the service's turn: it has the whole request, or takes no more of it. */
  start(): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onLate, this.#ms);
  }

  /** It is the client's turn. */
  suspend(): void {
    clearTimeout(this.#timer);
  }

  /** The headers are there, or nobody waits any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
