/** Paused VMs that requests wait for: any number of them make one resume, and each gives up by itself. */
import type { ServiceDirectory, VmId } from "@fastvm/contract";
import { unlessAborted } from "./unless-aborted.ts";

interface Wake {
  readonly promise: Promise<void>;
  readonly controller: AbortController;
  waiting: number;
}

export class Wakes {
  readonly #directory: ServiceDirectory;
  readonly #wakes = new Map<VmId, Wake>();

  constructor(directory: ServiceDirectory) {
    this.#directory = directory;
  }

  /** Rejects with the signal's reason when that comes first. */
  async wake(vmId: VmId, signal: AbortSignal): Promise<void> {
    const wake = this.#wakes.get(vmId) ?? this.#start(vmId);
    wake.waiting += 1;
    try {
      await unlessAborted(wake.promise, signal);
    } finally {
      wake.waiting -= 1;
      if (wake.waiting === 0) this.#forget(vmId, wake);
    }
  }

  #start(vmId: VmId): Wake {
    const controller = new AbortController();
    const promise = this.#directory.wake(vmId, { signal: controller.signal });
    const wake = { promise, controller, waiting: 0 };
    promise.catch(() => undefined);
    this.#wakes.set(vmId, wake);
    return wake;
  }

  /** Nobody waits any more: whoever comes next asks anew. */
  #forget(vmId: VmId, wake: Wake): void {
    if (this.#wakes.get(vmId) === wake) this.#wakes.delete(vmId);
    wake.controller.abort(new Error("nobody waits for the VM any more"));
  }
}
