/** What a VM mounts that is no volume: it lives and ends with the mount. */

/** Files in the guest's own memory, gone with it. */
interface TmpfsSource {
  readonly kind: "tmpfs";
  /** Default: half of the VM's memory, which is the kernel's own. */
  readonly sizeMib?: number;
}

/**
 * Owners, modes and kinds of files. `strict`: the guest's, kept in an attribute of each file, and a folder that can hold none is refused.
 * `relaxed`: the same where it can. `off`: those of the host.
 */
type StatVirtualization = "strict" | "relaxed" | "off";
export const STAT_VIRTUALIZATIONS: readonly StatVirtualization[] = ["strict", "relaxed", "off"];

/** What the host's files get of the guest's permissions: nothing, or the plain ones with the owner's own rights kept. */
type HostPermissions = "private" | "mirror";
export const HOST_PERMISSIONS: readonly HostPermissions[] = ["private", "mirror"];

/** A folder or one file of the host, beneath what its operator allows. */
interface HostSource {
  readonly kind: "host";
  /** Absolute. */
  readonly path: string;
  readonly statVirtualization: StatVirtualization;
  readonly hostPermissions: HostPermissions;
  /** What VMs together may add to it. */
  readonly quotaMib: number;
}

/** `vmdk`: of one file. */
export type ImageFormat = "raw" | "qcow2" | "vmdk";
export const IMAGE_FORMATS: readonly ImageFormat[] = ["raw", "qcow2", "vmdk"];
/** As file systems are called. */
export const FILE_SYSTEM_NAME = /^[a-z0-9_.-]{1,31}$/;

/** A disk in a file of the host, beneath what its operator allows; one that is mounted to be written is a copy of the VM's own. */
interface ImageSource {
  readonly kind: "image";
  /** Absolute. */
  readonly path: string;
  readonly format: ImageFormat;
  /** As the guest's kernel calls what is on it; absent: whichever takes it. */
  readonly fstype?: string;
}

/** With what a store is asked. `endpointUrl`: where the store is, when it is not the one whose scheme the bucket has. */
export type BucketCredentials =
  | {
      readonly kind: "aws";
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
      readonly region?: string;
      readonly endpointUrl?: string;
    }
  | {
      readonly kind: "gcp";
      /** JSON of a service account. */
      readonly serviceAccount: string;
      readonly endpointUrl?: string;
    };

/** A bucket of an object store, behind a tool of the host that makes files of its objects. It is no POSIX. */
export interface BucketSource {
  readonly kind: "bucket";
  /** `s3://…` or `gs://…`. */
  readonly uri: string;
  readonly createdAtMs: number;
  /** Who is told of them keeps them in memory alone. */
  readonly credentials?: BucketCredentials;
  /** The same in a record. */
  readonly sealed?: string;
}

export type MountSource = TmpfsSource | HostSource | ImageSource | BucketSource;

/** What is done with files of a mount in the guest is refused, whatever their permissions are. */
export interface MountLimits {
  /** Nothing of it is executed. */
  readonly noexec?: boolean;
  /** Nothing of it lends rights. */
  readonly nosuid?: boolean;
  /** Nothing of it is a device. */
  readonly nodev?: boolean;
}

/** As much as mounts of the host may add when nobody says more. */
export const DEFAULT_HOST_QUOTA_MIB = 4096;
export const MAX_MOUNT_MIB = 16 * 1024 * 1024;
/** Of a path of the host, in bytes: PATH_MAX without its end. */
export const MAX_HOST_PATH_BYTES = 4095;
