/** What a VM's proxy works by, and whom its guest trusts for it: in force when this resolves. */
import type { InterceptionOrder, VmId } from "@fastvm/contract";
import { bringTrustToAdopted } from "../guest/bring-trust.ts";
import { networkOf } from "../state/holdings.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

interface Interception {
  readonly vmId: VmId;
  /** `null`: nothing more is intercepted. */
  readonly order: InterceptionOrder | null;
}

/** `inTurn` has work done in the VM's turn. */
export async function setInterception(
  context: Parts<"intercepted" | "network" | "onError" | "trust" | "vms">,
  { vmId, order }: Interception,
  inTurn: (work: (vm: Vm) => Promise<void>) => Promise<void>,
): Promise<void> {
  context.intercepted.set(vmId, order);
  // Of one that begins to run the start takes it.
  if (context.vms.has(vmId)) await inTurn((vm) => enforce(context, vm));
}

async function enforce(
  context: Parts<"intercepted" | "network" | "onError" | "trust">,
  vm: Vm,
): Promise<void> {
  if (vm.record.phase !== "running") return;
  const vmNetwork = networkOf(context, vm);
  const guest = context.intercepted.of(vm.vmId);
  if (vmNetwork !== undefined && guest !== undefined) await context.network?.intercept(vmNetwork, guest);
  // A guest that is mute holds nobody up: it does not trust us, and its next life tries again.
  void bringTrustToAdopted(context, vm);
}
