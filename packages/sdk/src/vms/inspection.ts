/** What `client.vms.stats` and `client.vms.logs` answer. */
import type { VmStatus } from "./vm.ts";

export interface VmStats {
  readonly status: VmStatus;
  /** Since the VM was launched, restored or resumed last; 0 while it does not run. */
  readonly uptimeMs: number;
  /** Processor time that the VM's process has used; 0 while it does not run. */
  readonly cpuSeconds: number;
  /** Just now: 100 is one of the host's processors at full use. */
  readonly cpuPercent: number;
  /** `resident` is what the VM takes of the host's memory, pages that VMs share in parts; `own` what no other process has. */
  readonly memoryMiB: { readonly limit: number; readonly resident: number; readonly own?: number };
  /** `used` is what the disk's layers take of the host's disk, `own` the part that nothing else shares. */
  readonly diskBytes: { readonly limit: number; readonly used: number; readonly own: number };
  /**
   * Since its present life began, while it runs and has a network. `sent` left the guest;
   * `dropped` is what its policy, or a rule for all VMs, stopped.
   */
  readonly network?: {
    readonly sent: PacketCount;
    readonly received: PacketCount;
    readonly dropped: PacketCount;
  };
}

export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** What a VM used of its host in the last hour, as long as its daemon has run. */
export interface VmMetrics {
  /** Between two samples of a VM that runs; one that does not has none. */
  readonly intervalMs: number;
  /** Oldest first. */
  readonly samples: readonly VmSample[];
}

export interface VmSample {
  /** RFC 3339. */
  readonly at: string;
  /** Since the sample before: 100 is one of the host's processors at full use. */
  readonly cpuPercent: number;
  readonly cpuSeconds: number;
  /** `resident` is what its process takes, with what VMs share in full; `own` what of it is in no file. */
  readonly memoryBytes: { readonly resident: number; readonly own: number };
  /** What layers of its disk take that nothing else shares. */
  readonly diskBytes: number;
}

export interface VmLogs {
  /** The last 64 KiB that the guest wrote to its serial console. */
  readonly console: string;
  /** The last 64 KiB that QEMU wrote; nothing when all is well. */
  readonly hypervisor: string;
}
