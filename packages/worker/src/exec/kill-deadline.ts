/** Ends a command for certain: at its time limit or when told to, and even when the guest does not answer any more. */
import { FastvmError, MAX_TIMER_MS } from "@fastvm/contract";
import type { ExecStream } from "../guest-link/exec-stream.ts";

const SIGKILL = 9;
/** From SIGKILL to the end of the command, with nothing heard of it meanwhile. A loaded guest under emulation needs a second. */
const KILL_GRACE_MS = 5000;

export class KillDeadline {
  readonly #stream: ExecStream;
  readonly #graceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #hasExpired = false;
  #isKilled = false;

  /** Without a limit the command may run for as long as it likes. */
  constructor(stream: ExecStream, timeoutMs: number | undefined, graceMs = KILL_GRACE_MS) {
    this.#stream = stream;
    this.#graceMs = graceMs;
    if (timeoutMs !== undefined) this.#arm(timeoutMs);
    void stream.closed.then(() => clearTimeout(this.#timer));
  }

  /** Whether the limit passed while the command ran. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  /** SIGKILL to the process group, once. A guest that does not bring the command to its end then loses the stream. */
  kill(): void {
    if (this.#isKilled || !this.#stream.isOpen) return;
    this.#isKilled = true;
    clearTimeout(this.#timer);
    this.#stream.signal(SIGKILL);
    this.#awaitEnd();
  }

  /** Limits go up to a year, which no timer can hold. */
  #arm(remainingMs: number): void {
    const stepMs = Math.min(remainingMs, MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      if (remainingMs > stepMs) return this.#arm(remainingMs - stepMs);
      this.#hasExpired = true;
      this.kill();
    }, stepMs);
  }

  /**
   * A reader that is slow to take the last output is not the guest's fault: only a whole grace with nothing received
   * and nothing left to read, from its beginning to its end, counts against the guest.
   */
  #awaitEnd(): void {
    const stream = this.#stream;
    if (!stream.isOpen) return;
    const { receivedBytes, hasUnread } = stream;
    this.#timer = setTimeout(() => {
      const isMoving = hasUnread || stream.hasUnread || stream.receivedBytes > receivedBytes;
      if (isMoving) return this.#awaitEnd();
      const detail = `a killed command did not end within ${this.#graceMs} ms`;
      stream.reset(new FastvmError("guest_unresponsive", detail));
    }, this.#graceMs);
  }
}
