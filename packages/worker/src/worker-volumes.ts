/** Volumes as the port has them: those of the host, and what VMs have of them. */
import { FastvmError } from "@fastvm/contract";
import type {
  CallOptions,
  Detached,
  DetachOptions,
  MountOutcome,
  VmId,
  VolumeFiles,
  VolumeHolding,
  VolumeId,
  VolumeMount,
  VolumeSpec,
  VolumeUsage,
} from "@fastvm/contract";
import type { Vm } from "./vm/state/vm.ts";
import type { HostVolumes } from "./volumes/host-volumes.ts";

const NOT_YET = "volumes are kept, and their files reached without a VM; VMs do not mount them yet";

interface VmTurns {
  /** Rejects with `not_found`. */
  require(vmId: VmId): Vm;
}

export class WorkerVolumes implements VolumeHolding {
  readonly files: VolumeFiles;
  readonly #host: HostVolumes;
  readonly #vms: VmTurns;

  constructor(host: HostVolumes, vms: VmTurns) {
    this.#host = host;
    this.#vms = vms;
    this.files = host.files;
  }

  create(spec: VolumeSpec): Promise<void> {
    return this.#host.store.create(spec);
  }

  grow(volumeId: VolumeId, sizeGib: number): Promise<void> {
    return this.#host.grow(volumeId, sizeGib);
  }

  remove(volumeId: VolumeId): Promise<void> {
    return this.#host.remove(volumeId);
  }

  usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]> {
    return this.#host.usage(volumeIds);
  }

  async attach(vmId: VmId, _mount: VolumeMount, _options?: CallOptions): Promise<void> {
    this.#vms.require(vmId).requireRunning();
    throw new FastvmError("not_supported", NOT_YET);
  }

  async detach(vmId: VmId, _volumeId: VolumeId, _options?: DetachOptions): Promise<Detached> {
    this.#vms.require(vmId).requireRunning();
    return { warnings: [] };
  }

  async mounts(vmId: VmId): Promise<readonly MountOutcome[]> {
    this.#vms.require(vmId);
    return [];
  }

  /** Of a VM that was to start with them. */
  outcomes(mounts: readonly VolumeMount[] = []): readonly MountOutcome[] {
    return mounts.map(({ volumeId }) => ({ volumeId, failure: NOT_YET }));
  }
}
