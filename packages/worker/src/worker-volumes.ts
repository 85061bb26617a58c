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
import { exec } from "./vm/guest/exec.ts";
import { attachVolume, detachVolume, mountsOf, settleVolumes } from "./vm/guest/volumes.ts";
import {
  attachPlainMount,
  detachPlainMount,
  isPlain,
  plainMountsOf,
  settlePlainMounts,
} from "./vm/guest/plain-mounts.ts";
import { watchBuckets } from "./vm/guest/watch-buckets.ts";
import type { Vm } from "./vm/state/vm.ts";
import type { Parts } from "./vm/state/worker-context.ts";
import { withVolumeParked } from "./vm/volumes/parked-volume.ts";
import type { HostVolumes } from "./volumes/host-volumes.ts";

/** What a guest has not written by then it loses when it is paused, as in a power cut. */
const WRITE_OUT_MS = 30_000;

interface VmTurns {
  /** Rejects with `not_found`. */
  require(vmId: VmId): Vm;
  /** After the transitions that are under way. */
  turn<T>(vmId: VmId, work: (vm: Vm) => Promise<T>, signal: AbortSignal | undefined): Promise<T>;
}

export class WorkerVolumes implements VolumeHolding {
  readonly files: VolumeFiles;
  readonly #host: HostVolumes;
  readonly #context: Parts<"cgroups" | "ending" | "overlays" | "uids" | "vms" | "volumes" | "onError">;
  readonly #vms: VmTurns;

  constructor(
    context: Parts<"cgroups" | "ending" | "overlays" | "uids" | "vms" | "volumes" | "onError">,
    vms: VmTurns,
  ) {
    this.#context = context;
    this.#host = context.volumes;
    this.#vms = vms;
    this.files = context.volumes.files;
  }

  create(spec: VolumeSpec): Promise<void> {
    return this.#host.store.create(spec);
  }

  /** Also while VMs have it. Where the kernel lets nobody grow what is mounted, their servers give it up for as long as that takes. */
  async grow(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#host.grow(volumeId, sizeGib, async (work) => {
      const having = [...this.#context.vms.values()].filter((vm) => hasVolume(vm, volumeId));
      await this.#inTurns(having.map(({ vmId }) => vmId).toSorted(), async (vms) => {
        await this.#host.store.writeOut(volumeId);
        const still = vms.filter((vm) => hasVolume(vm, volumeId));
        await withVolumeParked(this.#context, still, volumeId, work);
      });
    });
  }

  /** In the turns of all of them at once, taken in the same order by whoever wants several. Those that are gone by then are left out. */
  async #inTurns(
    [next, ...others]: readonly VmId[],
    work: (vms: readonly Vm[]) => Promise<void>,
    vms: readonly Vm[] = [],
  ): Promise<void> {
    if (next === undefined) return await work(vms);
    let hasBegun = false;
    const turn = async (vm: Vm): Promise<void> => {
      hasBegun = true;
      await this.#inTurns(others, work, [...vms, vm]);
    };
    try {
      await this.#vms.turn(next, turn, undefined);
    } catch (error) {
      if (hasBegun || !(error instanceof FastvmError && error.code === "not_found")) throw error;
      await this.#inTurns(others, work, vms);
    }
  }

  remove(volumeId: VolumeId): Promise<void> {
    return this.#host.remove(volumeId);
  }

  usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]> {
    return this.#host.usage(volumeIds);
  }

  async attach(vmId: VmId, mount: VolumeMount, options: CallOptions = {}): Promise<void> {
    const told = this.#host.buckets.learn(vmId, mount);
    await this.#vms.turn(vmId, (vm) => attachMount(this.#context, vm, told, options), options.signal);
  }

  async detach(vmId: VmId, volumeId: VolumeId, options: DetachOptions = {}): Promise<Detached> {
    const detach = async (vm: Vm) =>
      (await detachPlainMount(vm, volumeId, options)) ??
      (await detachVolume(this.#context, vm, volumeId, options));
    const detached = await this.#vms.turn(vmId, detach, options.signal);
    this.#host.buckets.forget(vmId, volumeId);
    return detached;
  }

  async mounts(vmId: VmId): Promise<readonly MountOutcome[]> {
    const vm = this.#vms.require(vmId);
    return [...(await mountsOf(vm)), ...plainMountsOf(vm)];
  }

  /** What a guest has written to its disks is on them before it is captured; a disk is mounted anew when the guest goes on. */
  async writeOut(vmId: VmId): Promise<void> {
    const vm = this.#vms.require(vmId);
    if (vm.record.plainMounts?.some(({ spare }) => spare !== undefined) !== true) return;
    try {
      const signal = AbortSignal.timeout(WRITE_OUT_MS);
      for await (const event of await exec(vm, { command: ["sync"] }, { signal })) void event;
    } catch (error) {
      this.#context.onError(error);
    }
  }

  /** Of a VM that has just begun to run; default: what it had. One that was deleted meanwhile has none. */
  async settle(vmId: VmId, wanted?: readonly VolumeMount[]): Promise<readonly MountOutcome[]> {
    const { volumes = [], plainMounts = [] } = this.#context.vms.get(vmId)?.record ?? {};
    const before = [...volumes, ...plainMounts];
    const mounts = wanted?.map((mount) => this.#host.buckets.learn(vmId, mount)) ?? before;
    if (!this.#context.vms.has(vmId) || (before.length === 0 && mounts.length === 0)) return [];
    return await this.#vms.turn(vmId, (vm) => settleMounts(this.#context, vm, mounts), undefined);
  }
}

function hasVolume({ record: { phase, volumes = [] } }: Vm, volumeId: VolumeId): boolean {
  return phase === "running" && volumes.some((mount) => mount.volumeId === volumeId);
}

type MountsContext = Parts<"cgroups" | "ending" | "overlays" | "uids" | "vms" | "volumes" | "onError">;

async function attachMount(
  context: MountsContext,
  vm: Vm,
  mount: VolumeMount,
  options: CallOptions,
): Promise<void> {
  if (isPlain(mount)) await attachPlainMount(context, vm, mount, options);
  else await attachVolume(context, vm, mount, options);
  if (mount.source?.kind === "bucket") watchBuckets(context, vm);
}

async function settleMounts(
  context: MountsContext,
  vm: Vm,
  wanted: readonly VolumeMount[],
): Promise<readonly MountOutcome[]> {
  const served = wanted.filter((mount) => !isPlain(mount));
  const plain = wanted.filter(isPlain);
  const outcomes = [
    ...(await settleVolumes(context, vm, served)),
    ...(await settlePlainMounts(context, vm, plain)),
  ];
  watchBuckets(context, vm);
  return outcomes;
}
