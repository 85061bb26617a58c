/**
 * Expiry: a VM's time is over, and it is paused or deleted as its owner asked for. Nobody waits for it; whoever listens is told afterwards.
 */
import { step } from "@fastvm/contract";
import type { VmDeadline, VmId, WorkerEvent } from "@fastvm/contract";
import { deleteVm } from "./delete-vm.ts";
import { pause } from "./pause.ts";
import type { PauseContext } from "./pause.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

/** `undefined` when it is not due after all: refreshed, paused or gone meanwhile. */
export async function expire(
  context: PauseContext & Parts<"unreadable" | "vms">,
  vmId: VmId,
): Promise<WorkerEvent | undefined> {
  const deadline = await context.vms.get(vmId)?.transitions.run(() => pauseIfDue(context, vmId));
  if (deadline === undefined) return undefined;
  await step("expire.due");
  const vm = context.vms.get(vmId);
  // Outside the VM's queue: a delete cuts short what is under way in it, and then waits there itself.
  if (deadline.action === "delete" && vm !== undefined) await deleteVm(context, vm);
  await step("expire.done");
  return { kind: "vm_expired", vmId, ...deadline };
}

/** In the VM's queue, so that a new deadline that came first counts. */
async function pauseIfDue(context: PauseContext & Parts<"vms">, vmId: VmId): Promise<VmDeadline | undefined> {
  const vm = context.vms.get(vmId);
  const deadline = vm === undefined ? undefined : dueDeadline(vm);
  if (vm !== undefined && deadline?.action === "pause") await pause(context, vm);
  return deadline;
}

export function dueDeadline({ record: { phase, deadline } }: Pick<Vm, "record">): VmDeadline | undefined {
  return phase === "running" && deadline !== undefined && deadline.atMs <= Date.now() ? deadline : undefined;
}
