/** Wakes the worker when the time of one of its VMs is over. What is due is in the VM's journal; here are only the timers. */
import type { VmDeadline, VmId } from "@fastvm/contract";

/** Node's timers hold 31 bits of milliseconds, 24.8 days; a longer time is waited for in parts. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** After an action that failed, for instance for want of disk space: often enough to be on time when there is room again. */
const RETRY_MS = 5_000;

export class Deadlines {
  readonly #timers = new Map<VmId, NodeJS.Timeout>();
  readonly #onDue: (vmId: VmId) => void;

  /** `onDue` looks at the VM again: its deadline may have changed since. */
  constructor(onDue: (vmId: VmId) => void) {
    this.#onDue = onDue;
  }

  /** Replaces the VM's timer; without a deadline it has none. */
  set(vmId: VmId, deadline: VmDeadline | undefined): void {
    this.clear(vmId);
    if (deadline !== undefined) this.#wait(vmId, deadline.atMs);
  }

  retry(vmId: VmId): void {
    this.clear(vmId);
    this.#wait(vmId, Date.now() + RETRY_MS);
  }

  clear(vmId: VmId): void {
    clearTimeout(this.#timers.get(vmId));
    this.#timers.delete(vmId);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #wait(vmId: VmId, atMs: number): void {
    const leftMs = atMs - Date.now();
    const timer = setTimeout(
      () => {
        this.#timers.delete(vmId);
        if (atMs > Date.now()) this.#wait(vmId, atMs);
        else this.#onDue(vmId);
      },
      Math.min(Math.max(leftMs, 0), MAX_TIMER_MS),
    );
    // A daemon that has nothing else to do may end: its successor finds the deadline in the journal.
    timer.unref();
    this.#timers.set(vmId, timer);
  }
}
