/** Wakes the worker when the time of one of its VMs is over. What is due is in the VM's journal; here are only the timers. */
import { MAX_TIMER_MS, type VmDeadline, type VmId } from "@fastvm/contract";

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

  /** What is longer than a timer can hold is waited for in parts. */
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
