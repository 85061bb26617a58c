/** How many connections each VM, and all VMs together, have from the proxy. */
import type { VmId } from "@fastvm/contract";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { EdgeLimits } from "../limits.ts";

export class ConnectionCounts {
  readonly #limits: Pick<EdgeLimits, "connections" | "connectionsPerVm">;
  readonly #counts = new Map<VmId, number>();
  #open = 0;

  constructor(limits: Pick<EdgeLimits, "connections" | "connectionsPerVm">) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Returns the function that gives the place back, once. Throws a ProxyError when there is none. */
  take(vmId: VmId): () => void {
    const count = this.#counts.get(vmId) ?? 0;
    if (count >= this.#limits.connectionsPerVm) throw new ProxyError("too_many_connections", "of this VM");
    if (this.#open >= this.#limits.connections) throw new ProxyError("too_many_connections", "of all VMs");
    this.#counts.set(vmId, count + 1);
    this.#open += 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.#giveBack(vmId);
      isTaken = false;
    };
  }

  #giveBack(vmId: VmId): void {
    this.#open -= 1;
    const left = (this.#counts.get(vmId) ?? 1) - 1;
    if (left === 0) this.#counts.delete(vmId);
    else this.#counts.set(vmId, left);
  }
}
