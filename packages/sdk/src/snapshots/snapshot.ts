/** A snapshot as the API shows it. */
import type { FirewallPolicy, NetworkPolicy } from "../firewall/firewall-policy.ts";
import type { CapturedBucket } from "../volumes/bucket-mount.ts";
import type { CapturedVolume } from "../volumes/volume.ts";
import type { CapturedService, Metadata } from "../vms/vm.ts";

export type SnapshotStatus = "creating" | "ready" | "deleting" | "error" | (string & {});

export interface Snapshot {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** The VM it was made of, which may be gone. */
  readonly vmId: string;
  readonly status: SnapshotStatus;
  /** Why it is in `error`. */
  readonly statusReason?: string;
  /** RFC 3339, with its zone. */
  readonly createdAt: string;
  /** The machine type that VMs restored from it get. */
  readonly machineName?: string;
  readonly diskGiB?: number;
  /** How long the source stood still, in ms. */
  readonly pauseMs?: number;
  /** In the answer to a `create` with `reclaim`: free memory that was left out. `null` where that could not be. */
  readonly reclaimedBytes?: number | null;
  readonly firewall?: FirewallPolicy | NetworkPolicy;
  readonly metadata?: Metadata;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly services?: readonly CapturedService[];
  readonly volumes?: readonly CapturedVolume[];
  readonly bucketMounts?: readonly CapturedBucket[];
}

/** Calls that concern a snapshot take its id or the snapshot itself. */
export type SnapshotRef = string | { readonly id: string };

export interface CreateSnapshotParams {
  readonly vmId: string;
  /** Cut to 64 characters. Default: `snapshot-` and the VM id's first eight. */
  readonly name?: string | undefined;
  /** The VM drops its page cache, and memory that it has free is left out: a smaller snapshot. Default: false. */
  readonly reclaim?: boolean | undefined;
}

export interface ListSnapshotsParams {
  /** Snapshots that carry all of these pairs. */
  readonly metadata?: Metadata | undefined;
}

export function snapshotIdOf(snapshot: SnapshotRef): string {
  return typeof snapshot === "string" ? snapshot : snapshot.id;
}
