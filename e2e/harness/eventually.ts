/** Waits for what becomes true by itself, up to a deadline. */
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 500;
/** Of what it has waited so far: an attempt may be a program in an emulated guest, which takes the processor from what is waited for. */
const SHARE = 1 / 8;

/** Repeats `attempt` until it does not throw; at the deadline throws what it threw last. */
export async function eventually<T>(attempt: () => Promise<T>, deadlineMs: number): Promise<T> {
  const began = Date.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() - began > deadlineMs) throw error;
    }
    await sleep(Math.min(Math.max((Date.now() - began) * SHARE, FIRST_POLL_MS), LAST_POLL_MS));
  }
}

/** As `work`, or an error that names what did not end in time. */
export async function within<T>(deadlineMs: number, what: string, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} did not end within ${deadlineMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
