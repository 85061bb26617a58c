/** Tells of VMs whose record changed in this process, once the change is committed. */
import type { VmId } from "@fastvm/contract";

export type VmChangeListener = (vmId: VmId) => void;

export class VmChangeNotices {
  readonly #listeners = new Set<VmChangeListener>();

  /** Returns the function that ends the subscription. */
  subscribe(listener: VmChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(vmIds: Iterable<VmId>): void {
    for (const vmId of vmIds) for (const listener of this.#listeners) listener(vmId);
  }
}
