/**
 * Volumes: storage with a life of its own that VMs mount. What makes, grows or removes one takes no signal, for the reason that the
 * transitions have none; what is asked of a guest, or done with files, does.
 */
import type { VmId, VolumeId } from "../model/ids.ts";
import type { VolumeKind, VolumeMount } from "../model/volume.ts";
import type { CallOptions } from "./call-options.ts";
import type { FileInfo, FileInfoOptions, FileListing, FileModeOptions } from "./file-access.ts";
import type { ListFilesOptions, RecursiveOptions } from "./file-access.ts";

export interface VolumeHolding {
  readonly files: VolumeFiles;

  /**
   * An empty volume, whose bytes are reserved: what it promises it can hold. Idempotent for the same id. Rejects with `out_of_disk`, and
   * with `not_supported` where the host cannot have such volumes.
   */
  create(spec: VolumeSpec): Promise<void>;

  /** To at least that size, whoever uses it meanwhile. Rejects with `out_of_disk`, and it is as large as before. */
  grow(volumeId: VolumeId, sizeGib: number): Promise<void>;

  /** With all that is in it. Resolves also when there is none. Rejects with `volume_busy` while a VM has it mounted. */
  remove(volumeId: VolumeId): Promise<void>;

  /** What is used of each, in that order; `undefined` of one that is not here. */
  usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]>;

  /**
   * Mounts it in a running VM, after the transitions that are under way; resolves when the guest has it. Rejects with
   * `guest_unresponsive`, with `conflict` and the guest's reason for a place where nothing can be mounted, with `vm_wrong_state` when
   * the VM does not run.
   */
  attach(vmId: VmId, mount: VolumeMount, options?: CallOptions): Promise<void>;

  /**
   * Takes it from a running VM, and resolves also where it was not mounted. Rejects with `guest_umount_busy` while the guest uses it,
   * and it stays; with `force` it goes all the same, and whoever has files of it open is answered by errors.
   */
  detach(vmId: VmId, volumeId: VolumeId, options?: DetachOptions): Promise<Detached>;

  /** How the volumes of a VM that runs are now, in whatever order; none of one that does not run. */
  mounts(vmId: VmId): Promise<readonly MountOutcome[]>;
}

export interface VolumeSpec {
  readonly volumeId: VolumeId;
  readonly kind: VolumeKind;
  readonly sizeGib: number;
  /** Begins with what that one of kind `directory`, at most as large, holds at one moment, whoever writes to it. */
  readonly copyOf?: VolumeId | undefined;
}

export interface VolumeUsage {
  readonly sizeGib: number;
  readonly usedBytes: number;
}

export interface DetachOptions extends CallOptions {
  readonly force?: boolean;
}

export interface Detached {
  /** What did not go as it should. `ack_timeout`: the guest has not said that it let go; `guest_unresponsive`: it says nothing at all. */
  readonly warnings: readonly {
    readonly type: "ack_timeout" | "guest_unresponsive";
    readonly message: string;
  }[];
}

/** A volume that a VM is to have: whether it does, or why not. The VM runs all the same. */
export interface MountOutcome {
  readonly volumeId: VolumeId;
  /** Absent: it is mounted. */
  readonly failure?: string;
}

/**
 * Files of a volume of kind `directory`, whether a VM has it or not. `/` is its root, and nothing leads out of it. Errors are those of
 * `FileAccess`; `not_found` where there is no such volume, `not_supported` for one of another kind.
 */
export interface VolumeFiles {
  info(volumeId: VolumeId, path: string, options?: FileInfoOptions): Promise<FileInfo>;
  list(volumeId: VolumeId, path: string, options: ListFilesOptions): Promise<FileListing>;
  makeFolder(volumeId: VolumeId, path: string, options?: FileModeOptions): Promise<void>;
  remove(volumeId: VolumeId, path: string, options?: RecursiveOptions): Promise<void>;
  rename(volumeId: VolumeId, path: string, newPath: string, options?: CallOptions): Promise<void>;
  /** Of what a link leads to. */
  setMode(volumeId: VolumeId, path: string, mode: number, options?: CallOptions): Promise<void>;
  /** As `FileAccess.readFile`. */
  read(volumeId: VolumeId, path: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array>>;
  /** As `FileAccess.writeFile`: whole or not at all. */
  write(
    volumeId: VolumeId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options?: FileModeOptions,
  ): Promise<void>;
}
