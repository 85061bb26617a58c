/** VMs as a worker's inventory tells of them. */
import type { VmId, WorkerInventory } from "@fastvm/contract";
import { publicAddress } from "./holdings.ts";
import type { Vm } from "./vm.ts";
import type { Parts } from "./worker-context.ts";

const UNREADABLE =
  "The host went down, as by a power cut, before what it knew of this VM was on disk; its files are kept until it is deleted";
/** As of one that no record is ahead of: there is nothing to go on from. */
const LAST_GENERATION = Number.MAX_SAFE_INTEGER;

export function foundVms(context: Parts<"network" | "unreadable" | "vms">): WorkerInventory["vms"] {
  const { vms, unreadable } = context;
  return [
    ...[...vms.values()].map((vm) => foundVm(context, vm)),
    ...[...unreadable].filter((vmId) => !vms.has(vmId)).map(unreadableVm),
  ];
}

function unreadableVm(vmId: VmId): WorkerInventory["vms"][number] {
  return { vmId, status: "error", memoryMib: 0, reason: UNREADABLE, generation: LAST_GENERATION };
}

function foundVm(context: Parts<"network">, vm: Vm): WorkerInventory["vms"][number] {
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
