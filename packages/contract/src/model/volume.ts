/** A volume: storage that has a life of its own, which VMs mount. */
import type { VolumeId } from "./ids.ts";
import type { MountLimits, MountSource } from "./mount-source.ts";

/** `directory`: files that several VMs see at once. `disk`: a disk of one VM at a time. */
export type VolumeKind = "directory" | "disk";
export const VOLUME_KINDS: readonly VolumeKind[] = ["directory", "disk"];

/** `ro`: no VM writes to it. */
export type VolumeAccessMode = "rw" | "ro";
export const VOLUME_ACCESS_MODES: readonly VolumeAccessMode[] = ["rw", "ro"];

export type VolumeStatus = "creating" | "ready" | "deleting" | "error";
export const VOLUME_STATUSES: readonly VolumeStatus[] = ["creating", "ready", "deleting", "error"];

type MountStatus = "mounted" | "failed" | "pending";
export const MOUNT_STATUSES: readonly MountStatus[] = ["mounted", "failed", "pending"];

/** What a VM asks of a volume. A VM has each volume at most once. */
export interface VolumeMount extends MountLimits {
  /** Of what is no volume an id of its own, by which it is called like one. */
  readonly volumeId: VolumeId;
  /** Absent: a volume. */
  readonly source?: MountSource;
  /** Of a volume of kind disk. */
  readonly isDisk?: boolean;
  /** Absolute, normalised; beneath one of `MOUNT_ROOTS` unless an API has other rules. */
  readonly mountPath: string;
  /** Of a volume of kind directory: the folder beneath its root that is mounted, normalised. It must be there, and no link. */
  readonly subpath?: string;
  readonly readOnly: boolean;
}

/** What children of a fork have of their source's volumes. */
export type ForkVolumes = "shared" | "read-only" | "none" | "copy";
export const FORK_VOLUMES: readonly ForkVolumes[] = ["shared", "read-only", "none", "copy"];

/** Places that no system puts anything of its own in. */
export const MOUNT_ROOTS: readonly string[] = ["/mnt", "/data"];

/** One server serves all of a VM's, and each is looked after at every pause. */
export const MAX_VM_VOLUMES = 8;

/** Of `mountPath`, in bytes: deeper nobody mounts, and every list shows it. */
export const MAX_MOUNT_PATH_BYTES = 256;

export const MIN_VOLUME_GIB = 1;
/** What ext4 with blocks of 4 KiB takes. */
export const MAX_VOLUME_GIB = 16_384;
