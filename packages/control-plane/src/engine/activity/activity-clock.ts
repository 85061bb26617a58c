/**
 * When each VM was last used from outside: by commands, files, terminals and requests to its ports, and not by what its guest does by
 * itself. It is kept here and written down now and then, so that a restart forgets some seconds of it at most. A use that lasts,
 * such as a command that is waited for, counts as long as it lasts.
 */
import type { VmId } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { Store } from "../../store/store.ts";

export class ActivityClock {
  readonly #deps: { readonly store: Store; readonly clock: Clock };
  /** What is not written down yet. */
  readonly #lastUsed = new Map<VmId, number>();
  /** How many uses of a VM last. */
  readonly #lasting = new Map<VmId, number>();

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#deps = deps;
  }

  notice(vmId: VmId): void {
    this.#lastUsed.set(vmId, this.#deps.clock.now());
  }

  /** Call the result, once, when the use ends. */
  begin(vmId: VmId): () => void {
    this.notice(vmId);
    this.#lasting.set(vmId, (this.#lasting.get(vmId) ?? 0) + 1);
    let hasEnded = false;
    return () => {
      if (hasEnded) return;
      hasEnded = true;
      const left = (this.#lasting.get(vmId) ?? 1) - 1;
      if (left > 0) this.#lasting.set(vmId, left);
      else this.#lasting.delete(vmId);
      this.notice(vmId);
    };
  }

  /** As far as it is known: of a record that says an earlier instant, or none. */
  lastUsed(vmId: VmId, recorded: number | null): number | null {
    const known = this.#lasting.has(vmId) ? this.#deps.clock.now() : this.#lastUsed.get(vmId);
    return known === undefined ? recorded : Math.max(known, recorded ?? 0);
  }

  async writeDown(): Promise<void> {
    for (const vmId of this.#lasting.keys()) this.notice(vmId);
    const used = [...this.#lastUsed];
    if (used.length === 0) return;
    this.#lastUsed.clear();
    try {
      await this.#deps.store.transaction(async ({ vms }) => {
        for (const [vmId, at] of used) await vms.noteActivity(vmId, at);
      }, "process");
    } catch (error) {
      for (const [vmId, at] of used) {
        if (!this.#lastUsed.has(vmId)) this.#lastUsed.set(vmId, at);
      }
      throw error;
    }
  }
}
