/** What a VM's proxy works by, and whom its guest trusts for it: in force when this resolves. */
import type { InterceptionOrder } from "@fastvm/contract";
import { bringTrustToAdopted } from "../guest/bring-trust.ts";
import { networkOf } from "../state/holdings.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

export async function setInterception(
  context: Parts<"intercepted" | "network" | "onError" | "trust">,
  vm: Vm,
  order: InterceptionOrder | null,
): Promise<void> {
  context.intercepted.set(vm.vmId, order);
  if (vm.record.phase !== "running") return;
  const vmNetwork = networkOf(context, vm);
  const guest = context.intercepted.of(vm.vmId);
  if (vmNetwork !== undefined && guest !== undefined) await context.network?.intercept(vmNetwork, guest);
  // A guest that is mute holds nobody up: it does not trust us, and its next life tries again.
  void bringTrustToAdopted(context, vm);
}
