/**
 * What the proxy of services asks, answered from the records. They are kept for a moment, since a page makes dozens of requests at once; a
 * change that this process makes counts at once, one that another makes when that moment has passed.
 */
import type { CallOptions, CredentialCheck, ServiceDirectory, ServiceLookup, VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import { KnownKeys } from "./known-keys.ts";
import { wakeVm } from "./wake-vm.ts";
import type { Parts } from "../context.ts";
import type { StartVmContext } from "../vms/start-order.ts";

/** How old a record may be that another process has changed. */
const MAX_AGE_MS = 5000;
/** The oldest goes first; a record is some KiB. */
const MAX_RECORDS = 1000;

interface Kept {
  readonly vm: Pick<VmRecord, "services" | "status" | "autoResume">;
  readonly until: number;
}

export class StoreServiceDirectory implements ServiceDirectory {
  readonly #ctx: StartVmContext & Parts<"activity">;
  readonly #keys: KnownKeys;
  readonly #kept = new Map<VmId, Kept>();
  /** Counts changes: what was read before one must not be kept after it. */
  #changes = 0;

  constructor(ctx: StartVmContext & Parts<"activity">) {
    this.#ctx = ctx;
    this.#keys = new KnownKeys(ctx);
    ctx.store.onVmChange((vmId) => {
      this.#changes += 1;
      this.#kept.delete(vmId);
    });
  }

  async lookUp(vmId: VmId, name: string): Promise<ServiceLookup> {
    const vm = this.#recent(vmId) ?? (await this.#read(vmId));
    if (vm === undefined) return { kind: "unknown_vm" };
    const service = vm.services.find((candidate) => candidate.name === name);
    if (service === undefined) return { kind: "unknown_service" };
    this.#ctx.activity.notice(vmId);
    const { port, h2c } = service;
    return { kind: "known", port, h2c, status: vm.status, autoResume: vm.autoResume };
  }

  async wake(vmId: VmId, options: CallOptions = {}): Promise<void> {
    await wakeVm(this.#ctx, vmId, options.signal);
  }

  credentialCheck(): Promise<CredentialCheck> {
    return this.#keys.check();
  }

  #recent(vmId: VmId): Kept["vm"] | undefined {
    const kept = this.#kept.get(vmId);
    return kept !== undefined && this.#ctx.clock.now() < kept.until ? kept.vm : undefined;
  }

  async #read(vmId: VmId): Promise<Kept["vm"] | undefined> {
    const changes = this.#changes;
    const vm = await this.#ctx.store.vms.get(vmId);
    if (vm === undefined || changes !== this.#changes) return vm;
    const { services, status, autoResume } = vm;
    this.#kept.delete(vmId);
    this.#kept.set(vmId, { vm: { services, status, autoResume }, until: this.#ctx.clock.now() + MAX_AGE_MS });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_RECORDS && oldest !== undefined) this.#kept.delete(oldest);
    return vm;
  }
}
