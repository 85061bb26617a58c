/**
 * What a worker and its VMs are and do now. None of these takes a signal: each is
 * answered from what the worker knows, or within the bound that it names.
 */
import type { SnapshotId, VmId, VolumeId } from "../model/ids.ts";
import type { BlockedRequest } from "../model/interception.ts";
import type { NetworkReport } from "../model/network-policy.ts";
import type { EndCause } from "../model/power.ts";
import type { TtlAction } from "../model/ttl.ts";
import type { VmDeadline } from "./vm-life.ts";

export interface HostState {
  /** What this host could hold and what it holds; drives placement and `202 queued`. */
  capacity(): Promise<WorkerCapacity>;

  /** Every VM, snapshot and volume the worker knows after its own recovery; the control plane reconciles against it. */
  inventory(): Promise<WorkerInventory>;

  /**
   * What a VM uses of its host, in whatever state it is, also when its QEMU does not
   * answer. Takes a moment: the load of the processor is measured.
   */
  stats(vmId: VmId): Promise<VmUsage>;

  /** What a VM used of its host in the last hour, oldest first, as far as this worker has run for as long. Nothing is kept on disk. */
  usageHistory(vmId: VmId): Promise<UsageHistory>;

  /** What files of VMs and snapshots take of the disk, in whatever state they are; those that are not here take nothing. */
  diskUsage(of: DiskUsers): Promise<DiskUsage>;

  /**
   * What the guest and its QEMU printed last, in whatever state the VM is; of one that failed,
   * as much as was kept. Of a QEMU that does not answer within 20 s, what was read of it before.
   */
  consoleLog(vmId: VmId): Promise<VmLog>;

  /**
   * What the network of a VM has done so far; `undefined` when it has none, because it does
   * not run or the host gives none. Rejects when the host's tools do not answer within 60 s.
   */
  networkReport(vmId: VmId): Promise<NetworkReport | undefined>;

  /** Calls the listener for what happens to VMs unasked; returns the function that ends the subscription. */
  subscribe(listener: (event: WorkerEvent) => void): () => void;
}

export interface WorkerCapacity {
  readonly vcpus: number;
  /** Memory that VMs may be promised, in MiB. */
  readonly memoryMib: number;
  /** The largest single machine that this host can run at all. */
  readonly largestMachine: { readonly cpu: number; readonly memoryMib: number };
  /** Free bytes where VM disks live. */
  readonly diskFreeBytes: number;
  /** All bytes there, free or not: no disk can ever hold more. */
  readonly diskTotalBytes: number;
  readonly runningVms: number;
  readonly accelerator: "kvm" | "tcg";
}

export type WorkerVmStatus = "running" | "paused" | "stopped" | "error";

export interface WorkerInventory {
  readonly vms: readonly {
    readonly vmId: VmId;
    readonly status: WorkerVmStatus;
    /** Of its machine. */
    readonly memoryMib: number;
    /** Why, when the status is `stopped` or `error`. */
    readonly reason?: string;
    /** Of one in `error`: it is there, and can be started. */
    readonly hasDisk?: boolean;
    /** It is stopped because its guest rebooted, and is to be started. */
    readonly restarts?: boolean;
    /** Of one that is stopped or in `error`, and was not told to be. */
    readonly cause?: EndCause;
    /** In force; only of a VM that runs. */
    readonly deadline?: VmDeadline;
    readonly publicIpv6?: string;
    /** Of its present or, when it does not run, its last life. */
    readonly generation: number;
  }[];
  readonly snapshots: readonly SnapshotId[];
  readonly volumes: readonly VolumeId[];
}

export interface VmUsage {
  /** Of a VM that runs. */
  readonly process?: {
    /** Since it was launched, restored or resumed last. */
    readonly uptimeMs: number;
    readonly cpuSeconds: number;
    /** Over the moment of the measurement; 100 is one processor of the host at full use. */
    readonly cpuPercent: number;
    /** Pages that several processes share are counted in parts. */
    readonly residentBytes: number;
    /** Pages that no other process has. */
    readonly ownBytes: number;
  };
  readonly disk: {
    /** What its layers take of the host's disk. */
    readonly usedBytes: number;
    /** Of these, in layers that nothing else shares. */
    readonly ownBytes: number;
  };
}

export interface UsageHistory {
  /** How often a VM that runs is looked at. */
  readonly everyMs: number;
  readonly samples: readonly VmSample[];
}

export interface VmSample {
  readonly atMs: number;
  /** Since the sample before, of one processor of the host; 0 in the first of a life. */
  readonly cpuPercent: number;
  /** In its present life. */
  readonly cpuSeconds: number;
  /** With what it shares with other VMs in full. */
  readonly residentBytes: number;
  /** Without what it has of files, as of its template's memory. */
  readonly ownBytes: number;
  /** In layers of its disk that nothing else shares. */
  readonly diskBytes: number;
}

export interface DiskUsers {
  readonly vmIds: readonly VmId[];
  readonly snapshotIds: readonly SnapshotId[];
}

export interface DiskUsage {
  /** Of all of them together: what they share among themselves counts once. */
  readonly usedBytes: number;
  /** Those that were asked for, in that order. */
  readonly vms: readonly DiskShare[];
  readonly snapshots: readonly DiskShare[];
}

/** Disks, captured memory and whatever else there is in files. */
export interface DiskShare {
  readonly usedBytes: number;
  /** Of these, what comes free when it alone is deleted: no other VM, snapshot or template has it. */
  readonly ownBytes: number;
}

/** As it was printed: not always UTF-8. At most 64 KiB each. */
export interface VmLog {
  readonly console: Uint8Array;
  readonly hypervisor: Uint8Array;
}

export type WorkerEvent =
  /** QEMU failed, or the VM could not be adopted after a restart; its resources are already freed. */
  | { readonly kind: "vm_failed"; readonly vmId: VmId; readonly reason: string }
  /** Its guest powered off, or rebooted, and is to be started then; its disk is kept. */
  | {
      readonly kind: "vm_stopped";
      readonly vmId: VmId;
      readonly reason: string;
      readonly restarts: boolean;
      readonly cause?: EndCause;
    }
  /** A request of its guest had the placeholder of a secret that does not go there, and was stopped. */
  | { readonly kind: "secret_blocked"; readonly vmId: VmId; readonly blocked: BlockedRequest }
  /** Its deadline passed, and the action is done. */
  | { readonly kind: "vm_expired"; readonly vmId: VmId; readonly action: TtlAction; readonly atMs: number };
