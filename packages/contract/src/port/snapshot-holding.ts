/** Captured states that outlive their VMs. Neither of these takes a signal, for the reason that the transitions have none. */
import type { SnapshotId, VmId } from "../model/ids.ts";

export interface SnapshotHolding {
  /**
   * Captures a running or paused VM as a durable snapshot; the source runs on. A guest that does not answer is captured as it is.
   * Rejects with `capture_failed` when QEMU does not answer, with `vm_died` when `deleteVm` came meanwhile; nothing is left then.
   */
  createSnapshot(vmId: VmId, snapshotId: SnapshotId, options?: SnapshotOptions): Promise<CaptureResult>;

  /**
   * What the snapshot's own files are, not those that it shares with what it was made from: SHA-256 in hexadecimal digits, by path.
   * What is asked for while the same is under way is answered with that, and few are read at once. Rejects with `not_found`.
   */
  digestSnapshot(snapshotId: SnapshotId): Promise<Readonly<Record<string, string>>>;

  /** Resolves also when there is no such snapshot. VMs restored from it are not touched. */
  deleteSnapshot(snapshotId: SnapshotId): Promise<void>;
}

export interface SnapshotOptions {
  /**
   * The guest drops its caches first, and what memory it has free then is not in the snapshot. Where that cannot be, as of a paused VM or
   * a guest that does not answer, all is. Default: false.
   */
  readonly reclaim?: boolean;
}

export interface CaptureResult {
  /** How long the guest stood still, in ms. */
  readonly pauseMs: number;
  /** Memory that was copied, in bytes; of a guest that wrote meanwhile some of it more than once. */
  readonly dirtyBytes: number;
  /**
   * How the worker knew which memory to copy. `writes`: what was written since the VM was last captured or restored; `none`: all that is
   * not shared, as where the kernel does not track writes. Absent when none was copied.
   */
  readonly tracking?: "writes" | "none";
  /** Free memory that was left out, in bytes. Absent where that was not asked for or could not be. */
  readonly reclaimedBytes?: number;
  /** From the call to the durable result, in ms. */
  readonly durationMs: number;
}
