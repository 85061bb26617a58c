/** Tells a process that is stuck from one that a busy host keeps waiting, which a bound by the clock takes for the same. */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";

/** Running or in line for a processor; waiting for a disk, or for memory that comes from one. */
const AT_WORK: ReadonlySet<string> = new Set(["R", "D"]);

interface StuckBounds {
  /** How long it may do nothing, and wait for nothing of the host. */
  readonly idleMs: number;
  /** How long it may take, whatever it does. */
  readonly limitMs: number;
  readonly lookEveryMs?: number;
}

/**
 * Resolves, with how it is stuck, once it is, or gone. Looks are counted and not time: where this process itself was not let run, what it
 * waits for may have come long ago. Rejects when the signal aborts.
 */
export async function untilStuck(
  pid: number,
  { idleMs, limitMs, lookEveryMs = 500 }: StuckBounds,
  signal: AbortSignal,
): Promise<string> {
  let idle = 0;
  for (let looks = 1; looks * lookEveryMs < limitMs; looks++) {
    await sleep(lookEveryMs, undefined, { signal });
    idle = (await isAtWork(pid)) ? 0 : idle + 1;
    if (idle * lookEveryMs >= idleMs) return `it did nothing for ${idleMs} ms`;
  }
  return `it was not done after ${limitMs} ms`;
}

/** Also where this process has no room for a look: that says nothing of the other. */
async function isAtWork(pid: number): Promise<boolean> {
  try {
    return await hasThreadAtWork(pid);
  } catch (error) {
    if (isErrno(error, "EMFILE", "ENFILE", "ENOMEM", "EAGAIN")) return true;
    throw error;
  }
}

async function hasThreadAtWork(pid: number): Promise<boolean> {
  const threads = (await unlessGone(readdir(`/proc/${pid}/task`))) ?? [];
  const states = await Promise.all(threads.map((thread) => stateOf(`/proc/${pid}/task/${thread}/stat`)));
  return states.some((state) => AT_WORK.has(state));
}

async function stateOf(path: string): Promise<string> {
  const text = (await unlessGone(readFile(path, "latin1"))) ?? "";
  // Behind the name, which is in parentheses and may hold some.
  return text.charAt(text.lastIndexOf(")") + 2);
}

async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
