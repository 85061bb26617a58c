/**
 * What brings a VM from one state into another. None of these takes a signal: half of a transition is no state, so each
 * runs to its end or is undone, and whoever no longer waits has the VM deleted. Each ends by itself, since what it
 * waits for is bounded: a command of QEMU's monitor (20 s), the loading of a device state (20 s), a guest's handshake
 * (30 s) and its identity (30 s), a change of the host's rules (60 s). Those of one VM happen one after the other.
 */
import type { SnapshotId, VmId } from "../model/ids.ts";
import type { MachineType } from "../model/machine-type.ts";
import type { InterceptionOrder } from "../model/interception.ts";
import type { NetworkPolicy } from "../model/network-policy.ts";
import type { Durability } from "../model/power.ts";
import type { RootSetup } from "../model/root-setup.ts";
import type { VolumeMount } from "../model/volume.ts";
import type { CallOptions } from "./call-options.ts";
import type { ImageOwner } from "./image-holding.ts";
import type { CaptureResult } from "./snapshot-holding.ts";
import type { VmDeadline, VmIdentity, VmTtl } from "./vm-life.ts";
import type { MountOutcome } from "./volume-holding.ts";

export interface VmTransitions {
  /**
   * Resolves when the guest has answered the handshake: the VM counts as running. Rejects with `guest_unresponsive`
   * when it does not answer, with `launch_failed` when `deleteVm` came meanwhile; nothing is left then.
   */
  launch(spec: VmSpec): Promise<LaunchResult>;

  /**
   * Captures the VM and ends its QEMU, which frees its memory. Idempotent on a paused VM. A guest that does not answer is captured as
   * it is. Rejects with `capture_failed` when QEMU does not answer, and the VM runs on; with `vm_died` when `deleteVm` came meanwhile.
   */
  pause(vmId: VmId): Promise<CaptureResult>;

  /**
   * Restores a paused VM under its own id. Idempotent on a running VM, which is left as
   * it is. Rejects as `launch` does, and the VM is paused still.
   */
  resume(vmId: VmId, options?: ResumeOptions): Promise<LaunchResult>;

  /**
   * Has the guest power off, and after its grace takes the power away; the disk is kept, and the VM is `stopped`. Idempotent on a stopped
   * VM, which is no more to be started by itself. A start that is under way is cut short. Rejects with `vm_wrong_state` when the VM is in
   * another state, with `vm_died` when `deleteVm` came meanwhile.
   */
  stopVm(vmId: VmId, options?: StopOptions): Promise<StopResult>;

  /**
   * Boots the disk of a stopped VM, or of one in `error` whose disk is kept, under its own id, as a new life. Idempotent on a running VM.
   * Resolves when the guest has booted. Rejects as `launch` does, and then the VM is at rest as it was, without what its guest wrote.
   */
  startVm(vmId: VmId, options?: StartOptions): Promise<LaunchResult>;

  /**
   * One capture of `vmId`, then the children side by side; one outcome per child, in order. Rejects
   * only when the capture fails, as `pause` does. A child that is deleted meanwhile has failed.
   */
  fork(vmId: VmId, children: readonly ForkChild[]): Promise<ForkResult>;

  /**
   * When the worker pauses or deletes the VM by itself, whether anybody listens or not; `null`: never. Replaces what was set before
   * and holds over a restart of the worker, until the VM stops running. Rejects with `vm_wrong_state` when the VM is not running.
   */
  setDeadline(vmId: VmId, deadline: VmDeadline | null): Promise<void>;

  /**
   * Replaces what the VM may reach and who may reach it. Resolves when it is in force, also for connections that are open.
   * Of one that does not run it is kept for the next life. Holds over a restart of the worker. Aborted, it may come into force all
   * the same, later than the abort; but never later than the policy of the next call, which is enforced in any case.
   */
  setNetworkPolicy(vmId: VmId, policy: NetworkPolicy, options?: CallOptions): Promise<void>;

  /**
   * What the proxy of a VM works by whose policy has connections intercepted; `null`: nothing more. It is kept in the worker's memory and
   * nowhere else: to be told before the VM begins to run, and again to a worker that was started anew. Without it what the policy has
   * intercepted is dropped. Resolves when it is in force, of a VM that runs; also when the worker has no such VM yet.
   */
  setInterception(vmId: VmId, order: InterceptionOrder | null): Promise<void>;

  /**
   * Ends a VM and frees all it held, in whatever state it is; resolves also when there is no such VM. It waits for no
   * guest and no QEMU: both are ended first, so that whatever is under way with the VM, its launch too, comes to its end.
   */
  deleteVm(vmId: VmId): Promise<void>;
}

type VmSource =
  /**
   * `image`: one that the host keeps, by reference or digest, as `imageOwner` (by default everybody) sees them; default: the base image.
   * Made bootable first where it is not yet.
   */
  | {
      readonly kind: "template";
      readonly image?: string;
      readonly imageOwner?: ImageOwner;
      /** Done to the image first: once, for all that ask for the same. */
      readonly setup?: RootSetup;
    }
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
  /** What it mounts; default: nothing. What a snapshot had mounted and is not among them is taken from it. */
  readonly volumes?: readonly VolumeMount[];
  /** Of its disk, for the life that begins; default: `relaxed`. */
  readonly durability?: Durability;
}

export interface ResumeOptions {
  /** Default: the identity that it had. */
  readonly identity?: VmIdentity;
  /** Default: the VM runs until it is told to stop. */
  readonly ttl?: VmTtl;
  /** Default: the policy that it had. */
  readonly network?: NetworkPolicy;
  /** Of the life that begins. Default: one more than that of the life before. */
  readonly generation?: number;
  /** Default: what it had. */
  readonly volumes?: readonly VolumeMount[];
  /** As of a launch. */
  readonly durability?: Durability;
}

export interface StopOptions {
  /** How long its guest may take; 0: none, as by a power cut. Default: 30 s. */
  readonly graceMs?: number;
}

export interface StopResult {
  /** One sentence. */
  readonly reason: string;
  /** The guest did not power off by itself. */
  readonly isForced: boolean;
}

export interface StartOptions extends ResumeOptions {
  /** Without the check that the disk of one that its host lost has to pass before. Default: false. */
  readonly force?: boolean;
}

export interface LaunchResult {
  /** The VM's own address, kept for its whole life, over pauses too. Absent where VMs have no network. */
  readonly publicIpv6?: string;
  /** From the call to the guest's answer, in ms. */
  readonly durationMs: number;
  /** Whether a process spawned ahead was used. */
  readonly fromPool: boolean;
  /** One for each volume that it was to have. */
  readonly mounts?: readonly MountOutcome[];
}

export interface ForkChild {
  readonly vmId: VmId;
  readonly identity: VmIdentity;
  readonly ttl?: VmTtl;
  readonly network: NetworkPolicy;
  /** Of its first life; default: 1. */
  readonly generation?: number;
  /** As of a launch. */
  readonly volumes?: readonly VolumeMount[];
  readonly durability?: Durability;
}

export interface ForkResult {
  readonly capture: CaptureResult;
  readonly children: readonly (
    | { readonly vmId: VmId; readonly ok: true; readonly launch: LaunchResult }
    | { readonly vmId: VmId; readonly ok: false; readonly error: unknown }
  )[];
}
