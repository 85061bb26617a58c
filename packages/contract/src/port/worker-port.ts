/**
 * The one interface between the control plane, which owns records, and a worker, which owns VMs. In process on one
 * machine, over HTTP/2 on many. Every method rejects with a FastvmError whose code is in the catalogue; a method
 * that rejects has left nothing behind unless it says so.
 */
import type { Duplex } from "node:stream";
import type { SnapshotId, VmId } from "../ids.ts";
import type { MachineType } from "../machine-type.ts";
import type { NetworkPolicy, NetworkReport } from "../network-policy.ts";
import type { TtlAction } from "../schemas/ttl.ts";

export interface WorkerPort {
  /** What this host could hold and what it holds; drives placement and `202 queued`. */
  capacity(): Promise<WorkerCapacity>;

  /** Every VM and snapshot the worker knows after its own recovery; the control plane reconciles against it. */
  inventory(): Promise<WorkerInventory>;

  /** Resolves when the guest has answered the handshake: the VM counts as running. */
  launch(spec: VmSpec, options?: CallOptions): Promise<LaunchResult>;

  /** Captures the VM and ends its QEMU, which frees its memory. Idempotent on a paused VM. */
  pause(vmId: VmId, options?: CallOptions): Promise<CaptureResult>;

  /** Restores a paused VM under its own id. Idempotent on a running VM, which is left as it is. */
  resume(vmId: VmId, options?: ResumeOptions): Promise<LaunchResult>;

  /**
   * When the worker pauses or deletes the VM by itself, whether anybody listens or not; `null`: never. Replaces what was set before and holds
   * over a restart of the worker, until the VM stops running. Rejects with `vm_wrong_state` when the VM is not running.
   */
  setDeadline(vmId: VmId, deadline: VmDeadline | null): Promise<void>;

  /** Replaces the identity's `authorizedKeys` in a running VM. Rejects as `writeFile` does. */
  setAuthorizedKeys(vmId: VmId, keys: readonly string[], options?: CallOptions): Promise<void>;

  /**
   * Replaces what the VM may reach and who may reach it. Resolves when it is in force, also for connections that are open. Of a paused VM it is kept
   * for the next life. Holds over a restart of the worker.
   */
  setNetworkPolicy(vmId: VmId, policy: NetworkPolicy, options?: CallOptions): Promise<void>;

  /** What the network of a VM has done so far; `undefined` when it has none, because it does not run or the host gives none. */
  networkReport(vmId: VmId): Promise<NetworkReport | undefined>;

  /** What a VM uses of its host, in whatever state it is. Takes a moment: the load of the processor is measured. */
  stats(vmId: VmId): Promise<VmUsage>;

  /** What the guest and its QEMU printed last, in whatever state the VM is; of one that failed, as much as was kept. */
  consoleLog(vmId: VmId): Promise<VmLog>;

  /** Ends a VM and frees all it held, in whatever state it is; resolves also when there is no such VM. */
  deleteVm(vmId: VmId, options?: CallOptions): Promise<void>;

  /** Captures a running or paused VM as a durable snapshot; the source runs on. */
  createSnapshot(vmId: VmId, snapshotId: SnapshotId, options?: CallOptions): Promise<CaptureResult>;

  /** Resolves also when there is no such snapshot. VMs restored from it are not touched. */
  deleteSnapshot(snapshotId: SnapshotId, options?: CallOptions): Promise<void>;

  /** One capture of `vmId`, then the children side by side; one outcome per child, in order. Rejects only when the capture fails. */
  fork(vmId: VmId, children: readonly ForkChild[], options?: CallOptions): Promise<ForkResult>;

  /** Starts a command. Rejects with `vm_wrong_state` when the VM is not running. */
  exec(vmId: VmId, spec: ExecSpec, options?: CallOptions): Promise<ExecSession>;

  /**
   * Writes a file in a running VM, whole or not at all; folders above it are made. Rejects with `transfer_failed` and the guest's own reason, with
   * `vm_wrong_state` when the VM is not running, with the source's error when that fails.
   */
  writeFile(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Connects to a TCP port on the loopback of a running VM. Rejects with `vm_wrong_state` when the VM is not running,
   * else with `guest_unresponsive`, whose message has the guest's own reason if it gave one, such as ECONNREFUSED. The connection breaks when the VM is paused or deleted.
   */
  dial(vmId: VmId, port: number, options?: CallOptions): Promise<Duplex>;

  /**
   * Makes a host of the API's own URLs lead, inside a running VM, to the server for guests, whatever the VM may reach: a name by a line of the guest's
   * /etc/hosts, an address by making it the guest's own. Holds for the VM's present life at least; cheap when it was done. Resolves to `false`, and nothing has
   * changed, for a host or port that is not to be carried, such as the guest's own addresses. Rejects as `writeFile` does, and with `conflict` for one host too many.
   */
  mapToLoopback(vmId: VmId, target: GuestTarget, options?: CallOptions): Promise<boolean>;

  /** Calls the listener for what happens to VMs unasked; returns the function that ends the subscription. */
  subscribe(listener: (event: WorkerEvent) => void): () => void;
}

/** As a URL has it after parsing, an IPv6 address without its brackets. */
export interface GuestTarget {
  readonly host: string;
  readonly port: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ResumeOptions extends CallOptions {
  /** Default: the identity that it had. */
  readonly identity?: VmIdentity;
  /** Default: the VM runs until it is told to stop. */
  readonly ttl?: VmTtl;
  /** Default: the policy that it had. */
  readonly network?: NetworkPolicy;
  /** Of the life that begins. Default: one more than that of the life before. */
  readonly generation?: number;
}

/** A time to live, counted from the moment at which the VM runs. */
export interface VmTtl {
  readonly remainingMs: number;
  readonly action: TtlAction;
}

export interface VmDeadline {
  /** Milliseconds since 1970. One that has passed takes effect at once. */
  readonly atMs: number;
  readonly action: TtlAction;
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

export type WorkerVmStatus = "running" | "paused" | "error";

export interface WorkerInventory {
  readonly vms: readonly {
    readonly vmId: VmId;
    readonly status: WorkerVmStatus;
    /** Of its machine. */
    readonly memoryMib: number;
    /** Why, when the status is `error`. */
    readonly reason?: string;
    /** In force; only of a VM that runs. */
    readonly deadline?: VmDeadline;
    readonly publicIpv6?: string;
    /** Of its present or, when it does not run, its last life. */
    readonly generation: number;
  }[];
  readonly snapshots: readonly SnapshotId[];
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
  };
  readonly disk: {
    /** What its layers take of the host's disk. */
    readonly usedBytes: number;
    /** Of these, in layers that nothing else shares. */
    readonly ownBytes: number;
  };
}

/** As it was printed: not always UTF-8. At most 64 KiB each. */
export interface VmLog {
  readonly console: Uint8Array;
  readonly hypervisor: Uint8Array;
}

export interface VmIdentity {
  /** At most 63 characters of `[a-z0-9-]`. */
  readonly hostname: string;
  /** Visible to every command run in the VM. */
  readonly envVars: Readonly<Record<string, string>>;
  /** Public keys that may log in as root, one line each. */
  readonly authorizedKeys: readonly string[];
}

export type VmSource =
  | { readonly kind: "template" }
  | { readonly kind: "snapshot"; readonly snapshotId: SnapshotId };

export interface VmSpec {
  readonly vmId: VmId;
  readonly source: VmSource;
  /** A snapshot dictates its machine; the control plane passes the captured one. */
  readonly machine: MachineType;
  /** At least the source's disk; the guest's file system is grown to it. */
  readonly diskGib: number;
  readonly identity: VmIdentity;
  readonly ttl?: VmTtl;
  readonly network: NetworkPolicy;
  /** Of its first life; default: 1. */
  readonly generation?: number;
}

export interface LaunchResult {
  /** The VM's own address, kept for its whole life, over pauses too. Absent where VMs have no network. */
  readonly publicIpv6?: string;
  /** From the call to the guest's answer, in ms. */
  readonly durationMs: number;
  /** Whether a process spawned ahead was used. */
  readonly fromPool: boolean;
}

export interface CaptureResult {
  /** How long the guest stood still, in ms. */
  readonly pauseMs: number;
  /** Private memory that was copied, in bytes. */
  readonly dirtyBytes: number;
  /** From the call to the durable result, in ms. */
  readonly durationMs: number;
}

export interface ForkChild {
  readonly vmId: VmId;
  readonly identity: VmIdentity;
  readonly ttl?: VmTtl;
  readonly network: NetworkPolicy;
  /** Of its first life; default: 1. */
  readonly generation?: number;
}

export interface ForkResult {
  readonly capture: CaptureResult;
  readonly children: readonly (
    | { readonly vmId: VmId; readonly ok: true; readonly launch: LaunchResult }
    | { readonly vmId: VmId; readonly ok: false; readonly error: unknown }
  )[];
}

export interface ExecSpec {
  /** argv; the first element is looked up in PATH as execvp(3) does. */
  readonly command: readonly string[];
  /** Added to the VM's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `/root`. */
  readonly cwd?: string;
  /** Name or numeric id; default root. */
  readonly user?: string;
  /** Bytes: written, then closed. `open`: fed by `writeStdin`. Absent: stdin is empty, unless there is a pty. */
  readonly stdin?: Uint8Array | "open";
  readonly timeoutMs?: number;
  /** Present: the command runs on a pseudo-terminal, stdin is open and stderr arrives as stdout. */
  readonly pty?: { readonly cols: number; readonly rows: number };
}

export type ExecEvent =
  | { readonly kind: "stdout"; readonly data: Uint8Array }
  | { readonly kind: "stderr"; readonly data: Uint8Array }
  | {
      readonly kind: "exit";
      /** 128 + signal when a signal ended it, 124 when its time ran out, 126 or 127 when it could not be started. */
      readonly exitCode: number;
      readonly timedOut: boolean;
      readonly durationMs: number;
      /** Why it could not be started. */
      readonly diagnostic?: string;
    };

/**
 * A running command. Iterating yields output as the guest produces it, then exactly one `exit`, unless the VM dies, when it
 * throws. A reader that does not read slows only its own command. Ending the iteration early, or `kill`, kills the process group.
 */
export interface ExecSession extends AsyncIterable<ExecEvent> {
  /** Resolves when there is room for more. For a session with a pty or with `stdin: "open"`. */
  writeStdin(data: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(cols: number, rows: number): void;
  kill(): void;
}

export type WorkerEvent =
  /** QEMU ended, or the VM could not be adopted after a restart; its resources are already freed. */
  | { readonly kind: "vm_failed"; readonly vmId: VmId; readonly reason: string }
  /** Its deadline passed, and the action is done. */
  | { readonly kind: "vm_expired"; readonly vmId: VmId; readonly action: TtlAction; readonly atMs: number };
