/** A VM as a worker's inventory tells of it. */
import type { WorkerInventory } from "@fastvm/contract";
import { publicAddress } from "./holdings.ts";
import type { Vm } from "./vm.ts";
import type { Parts } from "./worker-context.ts";

export function foundVm(context: Parts<"network">, vm: Vm): WorkerInventory["vms"][number] {
  const { phase, machine, reason, restarts, hasDisk, cause, generation, deadline } = vm.record;
  return {
    vmId: vm.vmId,
    status: phase === "starting" ? "error" : phase,
    memoryMib: machine.memoryMib,
    ...(reason === undefined ? {} : { reason }),
    ...(restarts === true && { restarts }),
    ...(cause && { cause }),
    ...(hasDisk === true && { hasDisk }),
    generation,
    ...publicAddress(context, vm),
    ...(phase === "running" && deadline && { deadline }),
  };
}
