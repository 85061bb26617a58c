/** Tells whoever was let in by a grant and is still in, as by a WebSocket, that it was revoked. */
import type { VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";

/** How soon one is noticed that another process has revoked. */
const LOOK_EVERY_MS = 5000;
/** Of one question; databases have a bound. */
const MAX_IDS = 500;

type Then = () => void;

export class Revocations {
  readonly #ctx: Parts<"log" | "store">;
  readonly #watched = new Map<VmId, Map<string, Set<Then>>>();
  readonly #lookEveryMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(ctx: Parts<"log" | "store">, lookEveryMs = LOOK_EVERY_MS) {
    this.#ctx = ctx;
    this.#lookEveryMs = lookEveryMs;
    ctx.store.onVmChange((vmId) => {
      if (this.#watched.has(vmId)) void this.#look([vmId]);
    });
  }

  /** Calls `then` once, unless what is given back was called before. */
  watch(vmId: VmId, grantId: string, then: Then): () => void {
    const ofVm = this.#watched.get(vmId) ?? new Map<string, Set<Then>>();
    const ofGrant = ofVm.get(grantId) ?? new Set();
    this.#watched.set(vmId, ofVm.set(grantId, ofGrant));
    const own = () => then();
    ofGrant.add(own);
    // Nothing waits for it: a process that ends need not look any more.
    this.#timer ??= setInterval(() => void this.#look([...this.#watched.keys()]), this.#lookEveryMs).unref();
    return () => {
      ofGrant.delete(own);
      if (ofGrant.size === 0 && ofVm.get(grantId) === ofGrant) this.#forget(vmId, grantId);
    };
  }

  async #look(vmIds: readonly VmId[]): Promise<void> {
    const grants = vmIds.flatMap((vmId) =>
      [...(this.#watched.get(vmId)?.keys() ?? [])].map((grantId) => ({ vmId, grantId })),
    );
    try {
      for (let from = 0; from < grants.length; from += MAX_IDS) {
        const some = grants.slice(from, from + MAX_IDS);
        const revoked = new Set(
          await this.#ctx.store.previewGrants.revokedAmong(some.map(({ grantId }) => grantId)),
        );
        for (const { vmId, grantId } of some) if (revoked.has(grantId)) this.#tell(vmId, grantId);
      }
    } catch (error) {
      this.#ctx.log.warn({ err: error }, "cannot read which preview grants were revoked; it is tried again");
    }
  }

  #tell(vmId: VmId, grantId: string): void {
    const told = this.#watched.get(vmId)?.get(grantId) ?? [];
    this.#forget(vmId, grantId);
    for (const then of told) then();
  }

  #forget(vmId: VmId, grantId: string): void {
    const ofVm = this.#watched.get(vmId);
    ofVm?.delete(grantId);
    if (ofVm?.size === 0) this.#watched.delete(vmId);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
