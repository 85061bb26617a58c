/** What the proxy asks of VMs' records, kept for a moment, since a page makes dozens of requests at once. */
import type { VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";

/** How old a record may be that another process has changed. */
const MAX_AGE_MS = 5000;
/** The oldest goes first; a record is some KiB. */
const MAX_RECORDS = 1000;

type KeptVm = Pick<
  VmRecord,
  "services" | "status" | "autoResume" | "privateTraffic" | "trafficTokenDigest" | "maskHost"
>;

interface Kept {
  readonly vm: KeptVm;
  readonly until: number;
}

export class KeptVms {
  readonly #ctx: Parts<"clock" | "store">;
  readonly #kept = new Map<VmId, Kept>();
  /** Counts changes: what was read before one must not be kept after it. */
  #changes = 0;

  constructor(ctx: Parts<"clock" | "store">) {
    this.#ctx = ctx;
    ctx.store.onVmChange((vmId) => {
      this.#changes += 1;
      this.#kept.delete(vmId);
    });
  }

  async get(vmId: VmId): Promise<KeptVm | undefined> {
    const kept = this.#kept.get(vmId);
    if (kept !== undefined && this.#ctx.clock.now() < kept.until) return kept.vm;
    const changes = this.#changes;
    const vm = await this.#ctx.store.vms.get(vmId);
    if (vm === undefined || changes !== this.#changes) return vm;
    const { services, status, autoResume, privateTraffic, trafficTokenDigest, maskHost } = vm;
    const part = { services, status, autoResume, privateTraffic, trafficTokenDigest, maskHost };
    this.#kept.delete(vmId);
    this.#kept.set(vmId, { vm: part, until: this.#ctx.clock.now() + MAX_AGE_MS });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_RECORDS && oldest !== undefined) this.#kept.delete(oldest);
    return vm;
  }
}
