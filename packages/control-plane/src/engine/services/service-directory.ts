/**
 * What the proxy of services asks, answered from the records. They are kept for a moment; a
 * change that this process makes counts at once, one that another makes when that moment has passed.
 */
import type {
  CallOptions,
  CredentialCheck,
  PreviewGate,
  ServiceDirectory,
  ServiceLookup,
  VmId,
} from "@fastvm/contract";
import { Gate } from "../previews/gate.ts";
import { KeptVms } from "./kept-vms.ts";
import { KnownKeys } from "./known-keys.ts";
import { wakeVm } from "./wake-vm.ts";
import type { Parts } from "../context.ts";
import type { StartVmContext } from "../vms/start-order.ts";

export class StoreServiceDirectory implements ServiceDirectory {
  readonly previews: PreviewGate;
  readonly #ctx: StartVmContext & Parts<"activity">;
  readonly #keys: KnownKeys;
  readonly #vms: KeptVms;

  constructor(ctx: StartVmContext & Parts<"activity" | "previewUses">) {
    this.#ctx = ctx;
    this.#keys = new KnownKeys(ctx);
    this.#vms = new KeptVms(ctx);
    this.previews = new Gate(ctx, (vmId) => this.#vms.get(vmId));
  }

  async lookUp(vmId: VmId, name: string): Promise<ServiceLookup> {
    const vm = await this.#vms.get(vmId);
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
}
