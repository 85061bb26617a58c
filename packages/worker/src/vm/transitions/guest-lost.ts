/** A QEMU that ended unasked, by its own failure or by its guest's power-off or reboot: the VM becomes `error`; what it held is freed. */
import { FastvmError, step } from "@fastvm/contract";
import type { WorkerEvent } from "@fastvm/contract";
import { explainEnd } from "../state/explain-end.ts";
import { keepAsFailed } from "./keep-as-failed.ts";
import type { Guest, Vm } from "../state/vm.ts";
import type { SlotHost } from "../../pool/slot.ts";
import type { Parts } from "../state/worker-context.ts";

export async function settleLostGuest(
  context: SlotHost & Parts<"onError">,
  vm: Vm,
  guest: Guest,
  shutdown: string | undefined,
): Promise<WorkerEvent | undefined> {
  if (vm.guest?.qemu !== guest.qemu) return undefined;
  const reason = await explain(context, vm, shutdown);
  await step("failed.explained");
  vm.letGo(new FastvmError("vm_died", reason));
  await guest.qemu.kill();
  await step("failed.killed");
  // Its record stays: after a restart the control plane still learns why.
  await keepAsFailed(context, vm, reason);
  return { kind: "vm_failed", vmId: vm.vmId, reason };
}

async function explain(context: Parts<"cgroups">, vm: Vm, shutdown: string | undefined): Promise<string> {
  if (shutdown === "guest-reset") return "The guest rebooted, which ends a VM";
  if (shutdown !== undefined) return `The guest ended the VM (${shutdown})`;
  return await explainEnd(context, vm);
}
