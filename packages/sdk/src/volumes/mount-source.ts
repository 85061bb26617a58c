/** What a VM can mount beside volumes, and what nobody does with files of a mount. */

/** Files in the VM's own memory, gone with it. */
interface TmpfsMount {
  /** Default: half of the VM's memory. */
  readonly sizeMiB?: number | null | undefined;
}

/** A folder or a file of the host. */
interface HostMount {
  /** Absolute, beneath a folder that `fastvm serve --allow-mount` names. */
  readonly path: string;
  /** Owners, modes and kinds: `strict` (default) keeps the VM's in an attribute, `relaxed` where that can be, `off` has the host's. */
  readonly statVirtualization?: "strict" | "relaxed" | "off" | null | undefined;
  /** What the host's files get of the VM's permissions: nothing (default `private`), or the plain ones (`mirror`). */
  readonly hostPermissions?: "private" | "mirror" | null | undefined;
  /** What all VMs together may add to it. Default 4096. */
  readonly quotaMiB?: number | null | undefined;
}

/** A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own. */
interface ImageMount {
  /** Absolute, beneath a folder that `fastvm serve --allow-mount` names. */
  readonly path: string;
  /** Default: as its name ends, else `raw`. */
  readonly format?: "raw" | "qcow2" | "vmdk" | null | undefined;
  /** As the VM's kernel calls what is on it. Default: whichever takes it. */
  readonly fstype?: string | null | undefined;
}

/** One of these in place of a volume. */
export interface MountSources {
  readonly tmpfs?: TmpfsMount | null | undefined;
  readonly host?: HostMount | null | undefined;
  readonly image?: ImageMount | null | undefined;
}

export interface MountLimits {
  /** Nothing of it is executed. Default false. */
  readonly noexec?: boolean | null | undefined;
  /** Nothing of it lends rights. Default false; of a volume always. */
  readonly nosuid?: boolean | null | undefined;
  /** Nothing of it is a device. Default false; of a volume always. */
  readonly nodev?: boolean | null | undefined;
}
