/** VMs that run for one piece of work and are stopped after it, unless somebody wants one to run by then. */
import { FastvmError, type VmId } from "@fastvm/contract";

interface Switch {
  /** Rejects for one that runs already: that is somebody else's. */
  readonly start: () => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
}

export class BriefRuns {
  readonly #unwanted = new Set<VmId>();

  /** It is to run on. */
  want(id: VmId): void {
    this.#unwanted.delete(id);
  }

  async during<T>(id: VmId, { start, stop }: Switch, work: () => Promise<T>): Promise<T> {
    if (this.#unwanted.has(id)) throw new FastvmError("vm_wrong_state", "it runs for another such work now");
    // First: whoever starts it from now on is heard.
    this.#unwanted.add(id);
    try {
      await start();
    } catch (error) {
      this.#unwanted.delete(id);
      throw error;
    }
    try {
      return await work();
    } finally {
      if (this.#unwanted.delete(id)) await stop().catch(unlessOver);
    }
  }
}

/** It was deleted or paused meanwhile, or failed: how the work ended tells more. */
function unlessOver(error: unknown): void {
  const isOver =
    error instanceof FastvmError && (error.code === "not_found" || error.code === "vm_wrong_state");
  if (!isOver) throw error;
}
