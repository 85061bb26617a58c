/** Attempts at what a registry may refuse for a moment. */
import { setTimeout as sleep } from "node:timers/promises";
import { asUnreachable, RegistryFailure } from "./registry-failure.ts";

/** With the waits between them, some 20 seconds of a registry that restarts. */
const MAX_ATTEMPTS = 5;
const FIRST_WAIT_MS = 500;
/** Whoever asks for more is told to come back by themselves. */
const MAX_WAIT_MS = 60_000;

interface RetryOptions {
  readonly signal: AbortSignal;
  /** How much has arrived so far: an attempt that brought something makes those before it forgotten. */
  readonly progress?: () => number;
}

/** Rejects with `registry_unreachable` when the last attempt failed; with anything else at once. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { signal, progress = () => 0 }: RetryOptions,
): Promise<T> {
  let before = progress();
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryFailure)) throw error;
      const wait = error.retryAfterMs ?? FIRST_WAIT_MS * 2 ** (failures - 1);
      if (progress() > before) failures = 0;
      before = progress();
      if (failures >= MAX_ATTEMPTS || wait > MAX_WAIT_MS) throw asUnreachable(error);
      await sleep(wait, undefined, { signal });
    }
  }
}

/** Seconds or a date, as HTTP has it; `undefined` for anything else. */
export function readRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
