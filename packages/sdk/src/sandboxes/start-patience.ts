/** How long a start is waited for: by the server for a part of it, so that answers come before anybody gives up, then by looking. */

const START_MS = 300_000;
/** Of one answer. Beside it the server may need this long again for an image that is on its way, and half of it to launch. */
const MAX_WAIT_MS = 20_000;
/** For the answer to one that was waited for to the end. */
const ANSWER_MS = 5000;

export class StartPatience {
  /** In all. */
  readonly timeoutMs: number;
  readonly #isGiven: boolean;
  readonly #waitMs: number;
  readonly #until: number;

  /** `attemptMs` is what the client gives any call. */
  constructor(timeoutMs: number | undefined, attemptMs: number | undefined) {
    this.timeoutMs = timeoutMs ?? START_MS;
    this.#isGiven = timeoutMs !== undefined;
    this.#until = performance.now() + this.timeoutMs;
    this.#waitMs = Math.max(
      0,
      Math.min(MAX_WAIT_MS, this.timeoutMs, this.#isGiven ? Infinity : half(attemptMs)),
    );
  }

  get query(): Readonly<Record<string, string>> {
    return { wait_for: "running", wait_timeout: String(Math.floor(this.#waitMs / 1000)) };
  }

  /** Of the order. What the caller gave wins over the client's own. */
  get orderLimit(): { readonly defaultTimeoutMs: number } | { readonly timeoutMs: number } {
    const limitMs = Math.max(this.timeoutMs, this.#waitMs + ANSWER_MS);
    return this.#isGiven ? { timeoutMs: limitMs } : { defaultTimeoutMs: limitMs };
  }

  /** Of looks, with what is repeated of them, by `performance.now()`. */
  get lookUntil(): number {
    return this.#until + ANSWER_MS;
  }

  get leftMs(): number {
    return Math.max(0, this.#until - performance.now());
  }
}

function half(ms = Infinity): number {
  return ms / 2;
}
