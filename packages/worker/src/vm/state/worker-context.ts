/** What every transition works with: the worker's parts, made once at its start. */
import { join } from "node:path";
import type { SnapshotId, VmId, WorkerEvent } from "@fastvm/contract";
import type { BuildCaches } from "../../cache/build-caches.ts";
import type { Cache } from "../../cache/cache.ts";
import type { WorkerConfig } from "../../config.ts";
import type { OverlayFactory } from "../../disk/overlay.ts";
import type { Image } from "../../image/image.ts";
import type { ImageStore } from "../../images/image-store.ts";
import type { ReadyPool } from "../../pool/ready-pool.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import type { Accelerator } from "../../qemu/machine.ts";
import type { MemoryCopier } from "../../memory/capture-memory.ts";
import type { QemuSet } from "../../qemu/qemu-set.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import type { Compatibility } from "../../snapshot/manifest.ts";
import type { MachineType } from "@fastvm/contract";
import type { Turns } from "../../concurrency/turns.ts";
import type { Admission } from "./admission.ts";
import type { Trust } from "../../trust/trust.ts";
import type { Intercepted } from "./intercepted.ts";
import type { GuestForward } from "./guest-forward.ts";
import type { Standby } from "./standby-vm.ts";
import type { HostVolumes } from "../../volumes/host-volumes.ts";
import type { Vm } from "./vm.ts";

/** The templates as transitions know them; template/template-store.ts has them. */
interface Templates {
  /** Opens or makes it. */
  ensure(key: { readonly image: Image; readonly machine: MachineType }): Promise<Snapshot>;
  /** Closes the folder, and removes what a killed daemon left half-made and copies of what the cache has no more. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkerContext extends SlotHost {
  readonly config: WorkerConfig;
  /** Of images and templates. */
  readonly cache: Cache;
  /** What builds of an organisation leave for its next ones. */
  readonly buildCaches: BuildCaches;
  readonly image: Image;
  /** Of registries and archives. */
  readonly images: ImageStore;
  /** Of those the ones that are just being made bootable, by digest; `ending` is of whoever makes it. */
  readonly builds: Map<string, { readonly image: Promise<Image>; readonly ending: AbortSignal }>;
  /** Fires when the worker closes. */
  readonly ending: AbortSignal;
  readonly accelerator: Accelerator;
  /** What templates are made with. */
  readonly installedQemu: QemuSet;
  /** What a snapshot must have been captured on to be resumed here. */
  readonly compatibility: (machine: MachineType) => Compatibility;
  readonly overlays: OverlayFactory;
  readonly copier: MemoryCopier;
  readonly templates: Templates;
  /** Waiting processes, for restores of all kinds. */
  readonly pool: ReadyPool<Slot>;
  /** Whole VMs, for launches from the template. */
  readonly standby: ReadyPool<Standby>;
  readonly volumes: HostVolumes;
  readonly vms: Map<VmId, Vm>;
  /** Found with a journal that nobody can read, as a power cut leaves one. Their files are kept until they are deleted. */
  readonly unreadable: Set<VmId>;
  readonly admission: Admission;
  /** Of restores that are under way. */
  readonly startTurns: Turns;
  readonly forward: GuestForward | undefined;
  /** Of VMs whose connections are intercepted. */
  readonly intercepted: Intercepted;
  /** What guests trust beside the authorities of their image. */
  readonly trust: Trust | undefined;
  /** Told of failures that no caller waits for. */
  readonly onError: (error: unknown) => void;
  /** Tells whoever follows this worker. */
  readonly emit: (event: WorkerEvent) => void;
  /** Called when a QEMU ended that nobody told to; `shutdown` is the guest's own reason if it had one. */
  readonly onGuestLost: (vm: Vm, shutdown: string | undefined, cause: Error) => void;
}

/** Those parts that a function works with, itself or by what it calls. The whole is for who composes it. */
export type Parts<K extends keyof WorkerContext> = Pick<WorkerContext, K>;

export function vmFolder(config: WorkerConfig, vmId: VmId): string {
  return join(config.dataDir, "vms", vmId);
}

/** The captured state of a paused VM, which has no folder among the VMs meanwhile. */
export function pausedFolder(config: WorkerConfig, vmId: VmId): string {
  return join(config.dataDir, "paused", vmId);
}

/** The disk of a stopped VM, or of one that was lost, with what is to be known of it; then it has no folder among the VMs. */
export function stoppedFolder(config: WorkerConfig, vmId: VmId): string {
  return join(config.dataDir, "stopped", vmId);
}

export function snapshotFolder(config: WorkerConfig, snapshotId: SnapshotId): string {
  return join(snapshotsFolder(config), snapshotId);
}

export function snapshotsFolder(config: WorkerConfig): string {
  return join(config.dataDir, "snapshots");
}

/** VMs that stand by until somebody launches them. */
export function standbyFolder(config: WorkerConfig): string {
  return join(config.dataDir, "standby");
}

/** The installed QEMU, by content: what new templates and their VMs link. */
export function qemuStore(config: WorkerConfig): string {
  return join(config.dataDir, "qemu");
}

export function poolFolder(config: WorkerConfig): string {
  return join(config.dataDir, "pool");
}

/** Captures that live only until the children of a fork are up. */
export function forksFolder(config: WorkerConfig): string {
  return join(config.dataDir, "forks");
}

/** VMs that boot to become templates. */
export function templatingFolder(config: WorkerConfig): string {
  return join(config.dataDir, "templating");
}
