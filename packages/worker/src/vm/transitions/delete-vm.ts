/** Delete: works in every state, also in the middle of another transition, whose QEMU it ends first. */
import { rm } from "node:fs/promises";
import { step } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import { killAndWait } from "../../processes/proc.ts";
import { freeHoldings } from "../state/holdings.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder, stoppedFolder, vmFolder } from "../state/worker-context.ts";
import type { SlotHost } from "../../pool/slot.ts";
import type { Parts } from "../state/worker-context.ts";

export async function deleteVm(
  context: SlotHost & Parts<"config" | "unreadable" | "vms">,
  vm: Vm,
): Promise<void> {
  await step("delete.begun");
  await endNow(vm);
  await vm.transitions.run(async () => {
    // A resume that was under way may have brought it up again, as another object.
    const latest = context.vms.get(vm.vmId) ?? vm;
    await endNow(latest);
    await step("delete.killed");
    for (const folder of [pausedFolder, stoppedFolder])
      await rm(folder(context.config, latest.vmId), { recursive: true, force: true });
    await step("delete.state-removed");
    await freeHoldings(context, latest);
    await step("delete.freed");
    context.vms.delete(latest.vmId);
    // A power cut may have left another folder of it, with a journal that nobody could read.
    context.unreadable.delete(latest.vmId);
  });
}

/** Of one that is found with a journal which nobody can read: all that there is of it. Does nothing for any other. */
export async function deleteUnreadable(
  { config, unreadable }: Parts<"config" | "unreadable">,
  vmId: VmId,
): Promise<void> {
  if (!unreadable.has(vmId)) return;
  for (const folder of [vmFolder, pausedFolder, stoppedFolder])
    await rm(folder(config, vmId), { recursive: true, force: true });
  unreadable.delete(vmId);
}

/** Whatever waits for this QEMU or its guest fails now, and so comes to its end. */
async function endNow(vm: Vm): Promise<void> {
  const { isAwaited, record } = vm;
  const guest = vm.letGo();
  await guest?.qemu.kill();
  // Nobody has reached its monitor, and nobody need.
  if (isAwaited && record.process !== undefined) await killAndWait(record.process);
}
