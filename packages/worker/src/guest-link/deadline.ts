/** Bounds on a wait: a deadline, a signal. */
import { FastvmError } from "@fastvm/contract";

export interface WaitOptions {
  /** Aborting ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in ms; each method gives its default. */
  readonly deadlineMs?: number | undefined;
}

interface Wait {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs: number;
  /** What the guest did not do, for the message of `guest_unresponsive`. */
  readonly what: string;
}

/** As the promise, or `guest_unresponsive` at the deadline, or the signal's reason. The promise itself goes on. */
export function within<T>(promise: Promise<T>, wait: Wait): Promise<T> {
  const { signal, deadlineMs, what } = wait;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      settle();
      reject(new FastvmError("guest_unresponsive", `it did not ${what} within ${deadlineMs} ms`));
    }, deadlineMs);
    const onAbort = (): void => {
      settle();
      reject(signal?.reason);
    };
    function settle(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
    signal?.addEventListener("abort", onAbort);
    promise.finally(settle).then(resolve, reject);
  });
}
