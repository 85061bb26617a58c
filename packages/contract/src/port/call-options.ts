/** How a caller ends a call of the worker's port that it no longer waits for. */

/**
 * Aborting the signal ends the call at once with the signal's reason, whatever the guest, its
 * QEMU or the host's tools do meanwhile. What is then true of the VM is said by each method.
 * Once the call has been answered the signal has no effect, but on a command that it started.
 */
export interface CallOptions {
  readonly signal?: AbortSignal;
}
