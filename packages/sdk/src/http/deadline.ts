/** Joins a caller's AbortSignal and a time limit into one signal, and remembers which of the two fired. */
import { APIConnectionTimeoutError, APIUserAbortError } from "../errors.ts";
import type { FastvmError } from "../errors.ts";

export class Deadline {
  readonly #controller = new AbortController();
  readonly #callerSignal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#callerSignal?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expired = false;

  constructor(timeoutMs: number, callerSignal: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#callerSignal = callerSignal;
    if (callerSignal?.aborted === true) this.#onCallerAbort();
    callerSignal?.addEventListener("abort", this.#onCallerAbort, { once: true });
    this.#timer = timerAt(timeoutMs, () => this.#expire());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the time limit alone: the answer has begun, the caller's signal still counts. */
  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the request, when nobody wants its answer any more. */
  abort(): void {
    this.#controller.abort();
  }

  /** Lets go of the timer and of the caller's signal, which may live much longer than this call. */
  release(): void {
    this.stopTimer();
    this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
  }

  /** The error to throw in place of the abort that was seen, if the limit or the caller was the reason. */
  reason(): FastvmError | undefined {
    if (this.#expired) return new APIConnectionTimeoutError(`No answer within ${this.#timeoutMs} ms`);
    const signal = this.#callerSignal;
    if (signal?.aborted === true)
      return new APIUserAbortError("The call was aborted", { cause: signal.reason });
    return undefined;
  }

  #expire(): void {
    this.#expired = true;
    this.#controller.abort();
  }
}

/** Timers hold 31 bits of milliseconds, 25 days; one that is set for longer fires at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Of a limit that a caller gave: `Infinity`, and what no timer can hold, is none. */
export function timerAt(limitMs: number, expire: () => void): ReturnType<typeof setTimeout> | undefined {
  return limitMs <= MAX_TIMER_MS ? setTimeout(expire, limitMs) : undefined;
}

/** Resolves after `ms`, 25 days at most, or rejects with an APIUserAbortError as soon as the signal fires. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new APIUserAbortError("The call was aborted", { cause: signal?.reason }));
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
      Math.min(ms, MAX_TIMER_MS),
    );
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
