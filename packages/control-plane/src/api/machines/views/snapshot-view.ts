/** Snapshots as this API shows them, and the pause of a VM as one. */
import type { MachineSnapshot } from "@fastvm/contract";
import type { SnapshotRecord, VmRecord } from "../../../engine/engine.ts";
import { firstMachineId, machineId, pauseId, snapshotId } from "../ids.ts";
import { instantOf } from "./instant.ts";
import { templateOf } from "./machine-view.ts";

export function snapshotView(snapshot: SnapshotRecord): MachineSnapshot {
  return {
    id: snapshotId(snapshot),
    kind: "reusable",
    machine_id: firstMachineId(snapshot.vmId),
    status: snapshot.status,
    template: templateOf(snapshot),
    created_at: instantOf(snapshot.createdAt),
  };
}

export function pauseView(vm: VmRecord): MachineSnapshot {
  return {
    id: pauseId(vm),
    kind: "pause",
    machine_id: machineId(vm),
    status: "ready",
    template: templateOf(vm),
    created_at: instantOf(vm.pausedAt),
  };
}
