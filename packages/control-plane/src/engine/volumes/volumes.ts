/** Volumes by what their callers call them: id, name or unique id prefix, within the caller's organisation. */
import type { BucketCredentials, VolumeId } from "@fastvm/contract";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { findVm, findVolume } from "../find.ts";
import {
  attachVolume,
  detachVolume,
  remountVolume,
  type AttachContext,
  type Attachment,
  type Detachment,
} from "./attach.ts";
import { createVolume, type VolumeOrder } from "./create.ts";
import { deleteVolume } from "./delete.ts";
import { afterStart, type MountOrder } from "./mount-list.ts";
import type { OrderKey } from "../orders/order-keys.ts";
import { MountsUnderWay, type MountUnderWay } from "./mounts-under-way.ts";
import { rotateBucket } from "./rotate-bucket.ts";
import { changeVolume, type VolumeChange } from "./update.ts";
import { VolumeFilesByName } from "./volume-files.ts";

type VolumesContext = AttachContext & Parts<"clock" | "inflight" | "lendRoom" | "reconciler">;

/** A volume, and what is not in its record. */
export interface VolumeFigures {
  readonly volume: VolumeRecord;
  /** Absent of one that the worker does not have. */
  readonly usedBytes: number | undefined;
  /** Running VMs that have it. */
  readonly mountedCount: number;
}

export class Volumes {
  readonly files: VolumeFilesByName;
  readonly #ctx: VolumesContext;
  readonly #underWay = new MountsUnderWay();

  constructor(ctx: VolumesContext) {
    this.#ctx = ctx;
    this.files = new VolumeFilesByName(ctx);
  }

  async get(caller: Caller, reference: string): Promise<VolumeFigures> {
    return this.#figuresOf(caller, await findVolume(this.#ctx, caller, reference));
  }

  /** Newest first. */
  async list(caller: Caller): Promise<readonly VolumeFigures[]> {
    return this.#figures(caller, await this.#ctx.store.volumes.list(caller.orgId));
  }

  /** Resolves when it is ready. */
  async create(caller: Caller, order: VolumeOrder, key?: OrderKey): Promise<VolumeFigures> {
    return this.#figuresOf(caller, await createVolume(this.#ctx, caller, order, key));
  }

  async update(caller: Caller, reference: string, change: VolumeChange): Promise<VolumeFigures> {
    const { id } = await findVolume(this.#ctx, caller, reference);
    return this.#figuresOf(caller, await changeVolume(this.#ctx, caller, id, change));
  }

  /** Resolves, when it is gone, to its id. Rejects with `volume_busy` while a VM has it. */
  async delete(caller: Caller, reference: string): Promise<VolumeId> {
    const { id } = await findVolume(this.#ctx, caller, reference);
    await deleteVolume(this.#ctx, caller, id);
    return id;
  }

  async attachments(caller: Caller, reference: string): Promise<readonly Attachment[]> {
    const { id } = await findVolume(this.#ctx, caller, reference);
    return (await this.#attachments(caller)).filter(({ mount }) => mount.volumeId === id);
  }

  /** What a VM has, as its worker says that it is now. */
  async ofVm(
    caller: Caller,
    reference: string,
  ): Promise<{ readonly vm: VmRecord; readonly volumes: readonly RecordedMount[] }> {
    const vm = await findVm(this.#ctx, caller, reference);
    if (vm.status !== "running" || vm.volumes.length === 0) return { vm, volumes: vm.volumes };
    return { vm, volumes: afterStart(vm.volumes, await this.#ctx.worker.volumes.mounts(vm.id)) };
  }

  /** Of everybody's VMs: for who knows whose the VM or the volume is. */
  underWay(): readonly MountUnderWay[] {
    return this.#underWay.list();
  }

  /** Resolves to what the VM has then. */
  attach(caller: Caller, vm: string, order: MountOrder, key?: OrderKey): Promise<Attachment> {
    return attachVolume(this.#ctx, this.#underWay, caller, vm, order, key);
  }

  detach(caller: Caller, vm: string, volume: string, force: boolean): Promise<Detachment> {
    return detachVolume(this.#ctx, this.#underWay, caller, vm, volume, force);
  }

  /** Anew, for one whose mount failed or does not answer. */
  remount(caller: Caller, vm: string, volumeId: VolumeId): Promise<Attachment> {
    return remountVolume(this.#ctx, this.#underWay, caller, vm, volumeId);
  }

  /** Rejects with `bucket_rotation_failed` where the store refuses them. */
  rotateBucket(
    caller: Caller,
    vm: string,
    bucketId: string,
    credentials: BucketCredentials,
  ): Promise<Attachment> {
    return rotateBucket(this.#ctx, caller, vm, bucketId, credentials);
  }

  async #figuresOf(caller: Caller, volume: VolumeRecord): Promise<VolumeFigures> {
    const [figures] = await this.#figures(caller, [volume]);
    if (figures === undefined) throw new Error("one volume has one row of figures");
    return figures;
  }

  async #figures(caller: Caller, volumes: readonly VolumeRecord[]): Promise<readonly VolumeFigures[]> {
    const attachments = volumes.length === 0 ? [] : await this.#attachments(caller);
    const usage = await this.#ctx.worker.volumes.usage(volumes.map(({ id }) => id));
    return volumes.map((volume, index) => ({
      volume,
      usedBytes: usage[index]?.usedBytes,
      mountedCount: attachments.filter(
        ({ vmStatus, mount }) =>
          mount.volumeId === volume.id && vmStatus === "running" && mount.failure === undefined,
      ).length,
    }));
  }

  async #attachments({ orgId }: Caller): Promise<readonly Attachment[]> {
    const vms = await this.#ctx.store.vms.list(orgId, undefined);
    return vms.flatMap(({ id: vmId, status: vmStatus, generation, volumes }) =>
      volumes.map((mount) => ({ vmId, vmStatus, generation, mount })),
    );
  }
}
