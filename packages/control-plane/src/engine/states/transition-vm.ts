/** The one place where a VM's status changes: checked against the state machine, recorded as an event. */
import type { ErrorCode, VmId, VmStatus } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { lifeEndIn } from "./life-end.ts";
import { metadataOf } from "../events/event-metadata.ts";
import { OF_POOL } from "../events/of-pool.ts";
import { VM_TRANSITIONS, type Transition, type VmTransition } from "./vm-states.ts";

interface Change {
  /** `key:<id>` or `system`. */
  readonly actor: string;
  readonly at: number;
  /** Becomes the VM's `statusReason`, unless the changes have one; without one the old reason goes. */
  readonly reason?: string | undefined;
  /** Of what failed. */
  readonly errorCode?: ErrorCode | undefined;
  readonly changes?: VmChanges;
}

/** Call inside a transaction. `undefined` when the VM is gone or its status does not allow the transition. */
export async function transitionVm(
  records: Records,
  vmId: VmId,
  name: VmTransition,
  change: Change,
): Promise<VmRecord | undefined> {
  const transition: Transition = VM_TRANSITIONS[name];
  const before = await records.vms.get(vmId);
  if (before === undefined || !transition.from.includes(before.status)) return undefined;
  const after = await records.vms.changeStatus(vmId, before.status, transition.to, {
    statusReason: change.reason ?? null,
    // One that could not be paused runs on.
    ...(transition.to === "running" && before.status !== "pausing"
      ? { startedAt: change.at, lastActiveAt: change.at }
      : {}),
    ...(transition.to === "stopped" || transition.to === "error" ? { endedAt: change.at } : {}),
    ...lifeEndIn(transition.to, before, change.at),
    ...change.changes,
  });
  if (after === undefined) return undefined;
  // The worker counts from its own beginning; clients are shown this instant.
  if (after.status === "running" && after.expiresAt !== null) await records.owed.put(vmId, "deadline");
  await recordVmEvent(records, after, before.status, transition.to, name, change);
  return after;
}

/** `from` null: the VM begins to exist; `to` null: it is gone. */
export async function recordVmEvent(
  records: Records,
  vm: VmRecord,
  from: VmStatus | null,
  to: VmStatus | null,
  cause: string,
  change: Pick<Change, "actor" | "at" | "reason" | "errorCode">,
): Promise<void> {
  await records.events.append({
    orgId: vm.orgId,
    subjectKind: "vm",
    subjectId: vm.id,
    fromStatus: from,
    toStatus: to,
    cause: vm.poolId === null ? cause : `${OF_POOL}${cause}`,
    actor: change.actor,
    detail: change.reason ?? null,
    at: change.at,
    sourceVmId: await sourceOf(records, vm, cause),
    errorCode: change.errorCode ?? (cause === "vm_failed" ? "vm_died" : null),
    metadata: metadataOf(vm),
  });
}

/** Of a resume the VM itself: it goes on from what it was. */
async function sourceOf(records: Records, vm: VmRecord, cause: string): Promise<VmId | null> {
  if (cause.startsWith("resume_")) return vm.id;
  if (!/^(?:launch|fork)_/.test(cause)) return null;
  if (vm.sourceVmId !== null || vm.sourceSnapshotId === null) return vm.sourceVmId;
  return (await records.snapshots.get(vm.sourceSnapshotId))?.vmId ?? null;
}
