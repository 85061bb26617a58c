/** An event of the engine as this API tells it. */
import type { LifecycleEvent, VmId } from "@fastvm/contract";
import type { EventRecord } from "../../../engine/engine.ts";
import { firstMachineId, snapshotId } from "../ids.ts";
import { instantOf } from "../views/instant.ts";
import { eventIdOf } from "./event-id.ts";
import { toldOf } from "./operations-of-causes.ts";

/** `vmOf`: the VM that a snapshot was made of, where that is still known. `undefined` for what is not told. */
export function eventView(
  event: EventRecord,
  vmOf: (snapshotId: string) => VmId | undefined,
): LifecycleEvent | undefined {
  const told = toldOf(event);
  if (told === undefined) return undefined;
  const { subjectKind, subjectId, detail } = event;
  const vmId = subjectKind === "vm" ? subjectId : vmOf(subjectId);
  return {
    id: eventIdOf(event.id),
    ...told,
    audience: "customer",
    occurred_at: instantOf(event.at),
    machine_id: vmId === undefined ? null : firstMachineId(vmId),
    snapshot_id: subjectKind === "snapshot" ? snapshotId({ id: subjectId as never }) : null,
    reason: detail,
    error_message: told.status === "failed" ? detail : null,
  };
}
