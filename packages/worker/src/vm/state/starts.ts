/** VMs that are being started. A delete does not wait for their guests: it cuts their start short, as does a stop. */
import { FastvmError } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";

interface Start {
  readonly controller: AbortController;
  readonly work: Promise<unknown>;
}

export class Starts {
  readonly #underWay = new Map<VmId, Start>();

  /** `work` gets a signal for each of the VMs that it starts; it undoes what it has made of one whose signal is aborted. */
  async run<T>(
    vmIds: readonly VmId[],
    work: (signalOf: (vmId: VmId) => AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    const controllers = new Map(vmIds.map((vmId) => [vmId, new AbortController()]));
    const promise = work((vmId) => controllers.get(vmId)?.signal);
    for (const [vmId, controller] of controllers) this.#underWay.set(vmId, { controller, work: promise });
    try {
      return await promise;
    } finally {
      for (const [vmId, controller] of controllers) {
        if (this.#underWay.get(vmId)?.controller === controller) this.#underWay.delete(vmId);
      }
    }
  }

  /** Resolves when the start has ended, if one is under way: either with a VM or with nothing left. */
  async cutShort(vmId: VmId, why: string): Promise<void> {
    const start = this.#underWay.get(vmId);
    if (start === undefined) return;
    start.controller.abort(new FastvmError("launch_failed", `${why} while it started`));
    await start.work.catch(() => undefined);
  }

  /** Resolves when all that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#underWay.values()].map(({ work }) => work));
  }
}
