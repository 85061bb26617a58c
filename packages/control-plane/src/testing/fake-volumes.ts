/** The volumes of the fake worker: files in memory, mounts that are lists. */
import {
  FastvmError,
  type CallOptions,
  type Detached,
  type DetachOptions,
  type MountOutcome,
  type VmId,
  type VolumeFiles,
  type VolumeHolding,
  type VolumeId,
  type VolumeMount,
  type VolumeSpec,
  type VolumeUsage,
} from "@fastvm/contract";
import { whole } from "./fake-file-access.ts";
import { FakeFiles } from "./fake-files.ts";

type Method = keyof Omit<VolumeHolding, "files">;

interface FakeHost {
  /** Given each call before it is answered; rejects for one that fails. */
  readonly enter: (method: Method, id: string, signal: AbortSignal | undefined) => Promise<void>;
  /** Rejects for a VM that does not run. */
  readonly requireRunning: (vmId: VmId) => void;
}

export class FakeVolumes implements VolumeHolding {
  readonly all = new Map<VolumeId, VolumeSpec>();
  readonly mounted = new Map<VmId, readonly VolumeMount[]>();
  /** Why the next starts of VMs do not mount it. */
  readonly unmountable = new Map<VolumeId, string>();
  /** VMs whose programs use it. */
  readonly busy = new Set<VolumeId>();
  readonly files: VolumeFiles;
  readonly #host: FakeHost;
  readonly #files = new FakeFiles();

  constructor(host: FakeHost) {
    this.#host = host;
    this.files = filesOf(this.#files, (volumeId) => this.#require(volumeId));
  }

  async create(spec: VolumeSpec): Promise<void> {
    await this.#host.enter("create", spec.volumeId, undefined);
    if (!this.all.has(spec.volumeId)) this.all.set(spec.volumeId, spec);
  }

  async grow(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#host.enter("grow", volumeId, undefined);
    const spec = this.#require(volumeId);
    this.all.set(volumeId, { ...spec, sizeGib: Math.max(sizeGib, spec.sizeGib) });
  }

  async remove(volumeId: VolumeId): Promise<void> {
    await this.#host.enter("remove", volumeId, undefined);
    const isMounted = [...this.mounted.values()].flat().some((mount) => mount.volumeId === volumeId);
    if (isMounted) throw new FastvmError("volume_busy");
    this.all.delete(volumeId);
  }

  async usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]> {
    return volumeIds.map((id) => {
      const spec = this.all.get(id);
      return spec && { sizeGib: spec.sizeGib, usedBytes: 4096 };
    });
  }

  async attach(vmId: VmId, mount: VolumeMount, { signal }: CallOptions = {}): Promise<void> {
    await this.#host.enter("attach", vmId, signal);
    this.#host.requireRunning(vmId);
    const failure = this.#mount(vmId, mount);
    if (failure !== undefined) throw new FastvmError("conflict", failure);
  }

  async detach(vmId: VmId, volumeId: VolumeId, { force, signal }: DetachOptions = {}): Promise<Detached> {
    await this.#host.enter("detach", vmId, signal);
    this.#host.requireRunning(vmId);
    const isBusy = this.busy.has(volumeId);
    if (isBusy && force !== true) throw new FastvmError("guest_umount_busy");
    const rest = (this.mounted.get(vmId) ?? []).filter((mount) => mount.volumeId !== volumeId);
    this.mounted.set(vmId, rest);
    return { warnings: isBusy ? [{ type: "ack_timeout", message: "files were open" }] : [] };
  }

  async mounts(vmId: VmId): Promise<readonly MountOutcome[]> {
    return (this.mounted.get(vmId) ?? []).map(({ volumeId }) => ({ volumeId }));
  }

  /** Of a VM that begins to run. */
  start(vmId: VmId, mounts: readonly VolumeMount[]): readonly MountOutcome[] {
    this.mounted.delete(vmId);
    return mounts.map((mount) => {
      const failure = this.#mount(vmId, mount);
      return { volumeId: mount.volumeId, ...(failure === undefined ? {} : { failure }) };
    });
  }

  /** Of one that runs no more. */
  stop(vmId: VmId): void {
    this.mounted.delete(vmId);
  }

  #mount(vmId: VmId, mount: VolumeMount): string | undefined {
    const { volumeId } = mount;
    if (mount.source === undefined && !this.all.has(volumeId)) return "the host has no such volume";
    const failure = this.unmountable.get(volumeId);
    if (failure !== undefined) return failure;
    const others = (this.mounted.get(vmId) ?? []).filter((one) => one.volumeId !== volumeId);
    this.mounted.set(vmId, [...others, mount]);
    return undefined;
  }

  #require(volumeId: VolumeId): VolumeSpec {
    const spec = this.all.get(volumeId);
    if (spec === undefined) throw new FastvmError("not_found", "the worker has no such volume");
    return spec;
  }
}

/** As files of a VM of that id, in whose tree the volume's `/` is a folder that is always there. */
function filesOf(files: FakeFiles, require: (volumeId: VolumeId) => unknown): VolumeFiles {
  const at = (volumeId: VolumeId): VmId => {
    require(volumeId);
    return volumeId as string as VmId;
  };
  return {
    info: async (id, path) => files.info(at(id), path),
    list: async (id, path, options) => files.list(at(id), path, options),
    makeFolder: async (id, path, { mode } = {}) => files.makeFolder(at(id), path, mode),
    setMode: async (id, path, mode) => files.setMode(at(id), path, mode),
    remove: async (id, path, options = {}) => files.remove(at(id), path, options),
    rename: async (id, path, newPath) => files.rename(at(id), path, newPath),
    read: async (id, path) => {
      const content = files.read(at(id), path);
      return (async function* () {
        if (content.length > 0) yield content;
      })();
    },
    write: async (id, path, content, { mode, signal } = {}) =>
      files.write(at(id), path, await whole(content, signal), mode),
  };
}
