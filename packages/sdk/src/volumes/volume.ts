/** A volume as the API shows it, what VMs have of it, and what can be asked for. */
import type { MountLimits, MountSources } from "./mount-source.ts";

export type VolumeStatus = "creating" | "ready" | "deleting" | "error" | (string & {});

export interface Volume {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** `directory`: files that several VMs share. `disk`: a disk for one VM at a time. */
  readonly kind?: "directory" | "disk" | (string & {});
  readonly sizeGiB: number;
  /** `ro`: no VM writes to it. */
  readonly accessMode: "rw" | "ro" | (string & {});
  readonly status: VolumeStatus;
  /** Why it is in `error`. */
  readonly statusReason?: string;
  /** Running VMs that have it. */
  readonly mountedCount: number;
  /** RFC 3339, with its zone. */
  readonly createdAt: string;
  /** While it grows: to what. */
  readonly pendingSizeGiB?: number;
  /** What its files take. */
  readonly usedGiB?: number;
}

/** Calls that concern a volume take its id, its name or the volume itself. */
export type VolumeRef = string | { readonly id: string };

export interface CreateVolumeParams {
  /** Cut to 64 characters; unique in the organisation. */
  readonly name: string;
  /** Reserved on the host at once. */
  readonly sizeGiB: number;
  /** Default `rw`. */
  readonly accessMode?: "rw" | "ro" | undefined;
  /** Default `directory`. */
  readonly kind?: "directory" | "disk" | undefined;
}

export interface UpdateVolumeParams {
  readonly name?: string | undefined;
  /** Only larger. */
  readonly sizeGiB?: number | undefined;
  readonly accessMode?: "rw" | "ro" | undefined;
}

/** A volume, or one of `tmpfs`, `host` and `image`. */
export interface AttachVolumeParams extends MountSources, MountLimits {
  /** Id, unique id prefix or name; needed where nothing else is given. */
  readonly volumeId?: string | undefined;
  /** A folder beneath `/mnt/` or `/data/`. */
  readonly mountPath: string;
  /** Default: as the volume's access mode. */
  readonly readOnly?: boolean | undefined;
}

/** A volume as a snapshot remembers it. */
export interface CapturedVolume extends MountSources, MountLimits {
  readonly volumeId: string;
  readonly mountPath: string;
  readonly readOnly?: boolean | null;
}

/** A volume that a VM has. */
export interface VmVolume extends MountSources, MountLimits {
  /** Of what is no volume: its own id, by which it is detached. */
  readonly volumeId: string;
  readonly mountPath: string;
  /** `pending`: the VM does not run. */
  readonly mountStatus: "mounted" | "failed" | "pending" | (string & {});
  readonly readOnly?: boolean;
  /** Why it is not mounted. */
  readonly statusMessage?: string;
}

export interface VolumeAttachment extends VmVolume {
  readonly vmId: string;
}

export interface Detachment {
  readonly detached: boolean;
  /** `ack_timeout`: the VM has not said that it let go; `guest_unresponsive`: it says nothing at all. */
  readonly warnings?: readonly { readonly type: string; readonly message: string }[];
}

/** Only in the answer to a launch: what the VM was to have mounted and has not. */
export interface AttachmentWarnings {
  readonly failedBucketMountAttachments?: readonly {
    readonly mountPath: string;
    readonly bucketUri: string;
    readonly statusMessage: string;
  }[];
  readonly failedVolumeAttachments?: readonly {
    readonly mountPath: string;
    readonly volumeId: string;
    readonly statusMessage: string;
  }[];
  /** The VM has them as `failed`; other credentials mount them. */
  readonly skippedSnapshotBucketMounts?: readonly {
    readonly mountPath: string;
    readonly bucketUri: string;
    /** `credentials_invalid`, `bucket_unreachable`, `credentials_unavailable`. */
    readonly reason: string;
  }[];
  readonly skippedSnapshotVolumes?: readonly {
    readonly mountPath: string;
    readonly volumeId: string;
    /** `deleted`, `deleting`, `cross_org`, `vol_ro_ceiling_after_patch`. */
    readonly reason: string;
  }[];
}

export function volumeIdOf(volume: VolumeRef): string {
  return typeof volume === "string" ? volume : volume.id;
}
