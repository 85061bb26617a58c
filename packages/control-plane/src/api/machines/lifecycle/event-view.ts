/** An event of the engine as this API tells it. */
import { machineErrorCode, type ErrorCode, type LifecycleEvent, type VmId } from "@fastvm/contract";
import type { EventRecord } from "../../../engine/engine.ts";
import { firstMachineId, snapshotId } from "../ids.ts";
import { instantOf } from "../views/instant.ts";
import { eventIdOf } from "./event-id.ts";
import { toldOf } from "./operations-of-causes.ts";

const OF_KEY = "key:";

/** `vmOf`: the VM that a snapshot was made of, where that is still known. `undefined` for what is not told. */
export function eventView(
  event: EventRecord,
  vmOf: (snapshotId: string) => VmId | undefined,
): LifecycleEvent | undefined {
  const told = toldOf(event);
  if (told === undefined) return undefined;
  const { subjectKind, subjectId, sourceVmId, detail } = event;
  const vmId = subjectKind === "vm" ? subjectId : (vmOf(subjectId) ?? sourceVmId ?? undefined);
  return {
    id: eventIdOf(event.id),
    ...told,
    audience: "customer",
    occurred_at: instantOf(event.at),
    machine_id: vmId === undefined ? null : firstMachineId(vmId),
    snapshot_id: subjectKind === "snapshot" ? snapshotId({ id: subjectId as never }) : null,
    source_machine_id: sourceVmId === null ? null : firstMachineId(sourceVmId),
    target_machine_id: sourceVmId === null || subjectKind === "snapshot" ? null : firstMachineId(subjectId),
    user_id: userOf(event),
    reason: detail,
    error_code: told.status === "failed" ? errorCodeIn(event) : null,
    error_message: told.status === "failed" ? detail : null,
    metadata: event.metadata === null ? {} : (JSON.parse(event.metadata) as Record<string, string>),
  };
}

/** The key whose client asked for it, as grants name it; of what nobody asked for, nobody. */
function userOf({ actor }: EventRecord): string | null {
  return actor.startsWith(OF_KEY) ? actor.slice(OF_KEY.length) : null;
}

/** One of before codes were kept, or of a newer daemon, is told as it stands. */
function errorCodeIn({ errorCode }: EventRecord): string | null {
  return errorCode === null ? null : machineErrorCode(errorCode as ErrorCode, undefined);
}
