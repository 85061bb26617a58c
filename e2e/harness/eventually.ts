/** Waits for what becomes true by itself, up to a deadline. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;

/** Repeats `attempt` until it does not throw; at the deadline throws what it threw last. */
export async function eventually<T>(attempt: () => Promise<T>, deadlineMs: number): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
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
