import { FastvmError, type VmId } from "@fastvm/contract";
import type { VmRecord } from "../store/vm-repository.ts";
import type { LifecycleContext } from "./context.ts";

export function wrongState(vm: VmRecord, rule: string): FastvmError {
  const reason = vm.statusReason === null ? "" : ` (${vm.statusReason})`;
  return new FastvmError("vm_wrong_state", `it is ${vm.status}${reason}; ${rule}`);
}

/** The record as it is now; `not_found` when the VM was deleted meanwhile. */
export async function requireVm(ctx: LifecycleContext, vmId: VmId): Promise<VmRecord> {
  const vm = await ctx.store.vms.get(vmId);
  if (vm === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
  return vm;
}
