/** Operations that meet a VM in another state than they need: refused, or awaited where somebody else began the same. */
import { FastvmError, type VmId, type VmStatus } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";

export function wrongState(vm: VmRecord, rule: string): FastvmError {
  const reason = vm.statusReason === null ? "" : ` (${vm.statusReason})`;
  return new FastvmError("vm_wrong_state", `it is ${vm.status}${reason}; ${rule}`);
}

/** The record as it is now; `not_found` when the VM was deleted meanwhile. */
export async function requireVm(ctx: Parts<"store">, vmId: VmId): Promise<VmRecord> {
  const vm = await ctx.store.vms.get(vmId);
  if (vm === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
  return vm;
}

/**
 * The record after an operation that somebody else began. One that nobody here works on was left on
 * its way by a database that failed, or by another process: what the worker has says where it arrived.
 */
export async function joined(
  ctx: Parts<"inflight" | "reconciler" | "store">,
  vmId: VmId,
  operation: string,
  onItsWay: VmStatus,
): Promise<VmRecord> {
  const isJoined = await ctx.inflight.join(vmId, operation);
  const now = await requireVm(ctx, vmId);
  if (isJoined || now.status !== onItsWay || now.queuedAt !== null) return now;
  await ctx.reconciler.lookNow(vmId);
  return requireVm(ctx, vmId);
}
