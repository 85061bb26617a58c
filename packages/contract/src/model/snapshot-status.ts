/** What a snapshot can be. */
export const SNAPSHOT_STATUSES = ["creating", "ready", "deleting", "error"] as const;
export type SnapshotStatus = (typeof SNAPSHOT_STATUSES)[number];
