/** The engine's causes of events in the words of this API. What is not in the table is not told. */
import type { LifecycleEvent } from "@fastvm/contract";

type Told = Pick<LifecycleEvent, "operation" | "status">;

const told = (operation: Told["operation"], status: Told["status"]): Told => ({ operation, status });

const OF_VMS: ReadonlyMap<string, Told> = new Map([
  ["launch_requested", told("create", "requested")],
  ["launch_succeeded", told("create", "succeeded")],
  ["launch_failed", told("create", "failed")],
  ["checkout_requested", told("create", "requested")],
  ["checked_out", told("create", "succeeded")],
  ["fork_requested", told("fork", "requested")],
  ["fork_failed", told("fork", "failed")],
  ["pause_started", told("hibernate", "requested")],
  ["pause_succeeded", told("hibernate", "succeeded")],
  ["pause_failed", told("hibernate", "failed")],
  ["resume_started", told("resume_from_snapshot", "requested")],
  ["resume_succeeded", told("resume_from_snapshot", "succeeded")],
  ["resume_failed", told("resume_from_snapshot", "failed")],
  ["ttl_changed", told("timeout_updated", "succeeded")],
  ["expired", told("timeout_expired", "succeeded")],
  ["delete_started", told("destroy", "requested")],
  ["deleted", told("destroy", "succeeded")],
  ["vm_failed", told("reconcile", "failed")],
  ["found_running", told("reconcile", "succeeded")],
  ["found_paused", told("reconcile", "succeeded")],
]);

const OF_SNAPSHOTS: ReadonlyMap<string, Told> = new Map([
  ["snapshot_requested", told("snapshot_created", "requested")],
  ["capture_succeeded", told("snapshot_created", "succeeded")],
  ["capture_failed", told("snapshot_created", "failed")],
  ["capture_interrupted", told("snapshot_created", "failed")],
]);

export function toldOf(event: {
  readonly subjectKind: "vm" | "snapshot";
  readonly cause: string;
}): Told | undefined {
  return (event.subjectKind === "vm" ? OF_VMS : OF_SNAPSHOTS).get(event.cause);
}

/** Those that are told as this, or all. A snapshot's end is called as a machine's is, and is not told. */
export function causesOf({
  operation,
  status,
}: {
  readonly [Name in keyof Told]?: Told[Name] | undefined;
}): readonly string[] {
  return [...OF_VMS, ...OF_SNAPSHOTS]
    .filter(([, known]) => operation === undefined || known.operation === operation)
    .filter(([, known]) => status === undefined || known.status === status)
    .map(([cause]) => cause);
}
