/** Gives a VM one volume more, or takes one from it: the worker first, then the record, as with all that both have. */
import { FastvmError, type Detached, type VmStatus, type VolumeId } from "@fastvm/contract";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { findVm, findVolume } from "../find.ts";
import { madeUnderKey, takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { changeToldFirst } from "../owed/change-told-first.ts";
import { tellOwed } from "../owed/tell-owed.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { isNotRunning } from "../states/not-running.ts";
import { wrongState } from "../states/wrong-state.ts";
import { sealOrder, toldMount } from "./bucket-credentials.ts";
import { orderedMount, type MountOrder } from "./mount-list.ts";
import type { MountsUnderWay } from "./mounts-under-way.ts";

/** A guest that answers takes milliseconds; clients give up at 60 s. */
const ATTACH_DEADLINE_MS = 30_000;
const STEPS = ["control.volumes.told", "control.volumes.recorded"] as const;

export type AttachContext = Parts<
  "clock" | "config" | "inflight" | "log" | "sealing" | "store" | "updates" | "worker"
>;

export interface Attachment {
  readonly vmId: VmRecord["id"];
  readonly vmStatus: VmStatus;
  readonly generation: number;
  readonly mount: RecordedMount;
}

export interface Detachment {
  readonly detached: boolean;
  readonly warnings: Detached["warnings"];
}

export async function attachVolume(
  ctx: AttachContext,
  underWay: MountsUnderWay,
  caller: Caller,
  reference: string,
  given: MountOrder,
  key?: OrderKey,
): Promise<Attachment> {
  const vm = await findVm(ctx, caller, reference);
  const order = await sealOrder(ctx, caller.orgId, given);
  const earlier = key === undefined ? undefined : await earlierOf(ctx, caller, vm, order, key);
  if (earlier !== undefined) return earlier;
  requireStill(vm);
  const mount = await orderedMount(ctx.store, caller.orgId, order, vm.volumes);
  const after = await changedMounts(ctx, vm.id, mount.volumeId, {
    change: (now) => {
      requireStill(now);
      if (now.volumes.some(({ volumeId }) => volumeId === mount.volumeId)) {
        throw busy();
      }
      return [...now.volumes, mount];
    },
    tell: (now) =>
      underWay.during({ vmId: vm.id, mount, state: "mounting" }, () =>
        tellMount(ctx, now, mount.volumeId, { force: true }),
      ),
  });
  return { vmId: after.id, vmStatus: after.status, generation: after.generation, mount };
}

/** What the same order gave the VM: the key is taken before, and counts from when the VM has the volume. */
async function earlierOf(
  ctx: AttachContext,
  caller: Caller,
  { id: vmId }: VmRecord,
  order: MountOrder,
  key: OrderKey,
): Promise<Attachment | undefined> {
  const volume = await findVolume(ctx, caller, order.volume);
  const now = ctx.clock.now();
  const taken = await ctx.store.transaction(async (records) => {
    const vm = await records.vms.lock(vmId);
    const hasIt = vm?.volumes.some(({ volumeId }) => volumeId === volume.id) === true;
    if (hasIt && (await madeUnderKey(records, caller, key, now)) === undefined) throw busy();
    return takeOrderKey(records, caller, key, `${vmId} ${volume.id}`, now, async () => hasIt);
  });
  if (taken.kind === "ours") return undefined;
  const vm = await ctx.store.vms.get(vmId);
  const mount = vm?.volumes.find(({ volumeId }) => volumeId === volume.id);
  if (vm === undefined || mount === undefined)
    throw new FastvmError("conflict", "what this order mounted was detached meanwhile");
  return { vmId, vmStatus: vm.status, generation: vm.generation, mount };
}

export async function detachVolume(
  ctx: AttachContext,
  underWay: MountsUnderWay,
  caller: Caller,
  reference: string,
  volume: string,
  force: boolean,
): Promise<Detachment> {
  const vm = await findVm(ctx, caller, reference);
  requireStill(vm);
  const mount = await mountOf(ctx, caller, vm, volume);
  const { volumeId } = mount;
  let detached: Detached = { warnings: [] };
  await changedMounts(ctx, vm.id, volumeId, {
    change: (now) => {
      requireStill(now);
      return now.volumes.filter((other) => other.volumeId !== volumeId);
    },
    tell: async (now) => {
      detached = await underWay.during({ vmId: vm.id, mount, state: "releasing" }, () =>
        tellMount(ctx, now, volumeId, { force }),
      );
    },
  });
  return { detached: true, warnings: detached.warnings };
}

/** Takes it from a running VM, by force, and mounts it anew. Where that fails it is still to have it, and its record says why not. */
export async function remountVolume(
  ctx: AttachContext,
  underWay: MountsUnderWay,
  caller: Caller,
  reference: string,
  volumeId: VolumeId,
): Promise<Attachment> {
  const vm = await findVm(ctx, caller, reference);
  requireStill(vm);
  const before = await mountOf(ctx, caller, vm, volumeId);
  let failure: string | undefined;
  const after = await changedMounts(ctx, vm.id, volumeId, {
    isTold: true,
    change: (now) => {
      requireStill(now);
      return now.volumes.map((other) => (other.volumeId === volumeId ? withFailure(other, failure) : other));
    },
    tell: async (now) => {
      failure = await underWay.during({ vmId: vm.id, mount: before, state: "remounting" }, () =>
        mountedAnew(ctx, now, volumeId),
      );
    },
  });
  const mount = after.volumes.find((one) => one.volumeId === volumeId);
  if (mount === undefined)
    throw new FastvmError("not_found", "the VM has no such volume", { field: "volume" });
  return { vmId: after.id, vmStatus: after.status, generation: after.generation, mount };
}

function busy(): FastvmError {
  return new FastvmError("volume_busy", "the VM has it already", { field: "volume" });
}

function withFailure(
  { failure: _before, ...mount }: RecordedMount,
  failure: string | undefined,
): RecordedMount {
  return failure === undefined ? mount : { ...mount, failure };
}

/** Why it has not; a guest that says nothing, or a VM that ends meanwhile, is the caller's to know. */
async function mountedAnew(
  ctx: Parts<"sealing" | "worker">,
  vm: VmRecord,
  volumeId: VolumeId,
): Promise<string | undefined> {
  const without = { ...vm, volumes: vm.volumes.filter((mount) => mount.volumeId !== volumeId) };
  await tellMount(ctx, without, volumeId, { force: true });
  try {
    await tellMount(ctx, vm, volumeId, { force: true });
    return undefined;
  } catch (error) {
    if (error instanceof FastvmError && error.code === "conflict") return error.message;
    throw error;
  }
}

/** Also one that is deleted meanwhile, by the id that the VM has. */
async function mountOf(
  ctx: AttachContext,
  { orgId }: Caller,
  vm: VmRecord,
  reference: string,
): Promise<RecordedMount> {
  const found = await ctx.store.volumes.find(orgId, reference);
  const id = found?.id ?? (reference as VolumeId);
  const mount = vm.volumes.find(({ volumeId }) => volumeId === id);
  if (mount !== undefined) return mount;
  throw new FastvmError("not_found", "the VM has no such volume", { field: "volume" });
}

export function requireStill(vm: VmRecord): void {
  if (vm.status === "running" || vm.status === "paused") return;
  throw wrongState(vm, "volumes are attached to running and paused VMs");
}

interface MountsChange {
  readonly change: (vm: VmRecord) => readonly RecordedMount[];
  /** Also where the record stays as it is. */
  readonly isTold?: boolean;
  readonly tell: (vm: VmRecord) => Promise<unknown>;
}

export async function changedMounts(
  ctx: AttachContext,
  vmId: VmRecord["id"],
  volumeId: VolumeId,
  { change, isTold = false, tell }: MountsChange,
): Promise<VmRecord> {
  // Held, so that nobody compares the volume's record meanwhile.
  const { after } = await ctx.inflight.hold(volumeId, () =>
    ctx.updates.run(vmId, () =>
      changeToldFirst(ctx, vmId, {
        part: { kind: "volumes", tell: async (_ctx, vm) => void (await tell(vm)) },
        change: (vm) => ({ volumes: change(vm) }),
        isSame: (one, other) => !isTold && JSON.stringify(one.volumes) === JSON.stringify(other.volumes),
        steps: STEPS,
      }),
    ),
  );
  // It began to run meanwhile, with the volumes of before.
  await tellOwed(ctx, [VOLUMES], vmId).catch((error: unknown) => {
    ctx.log.warn({ err: error, vmId }, "a VM's volumes could not be brought in line with its record");
  });
  return after;
}

/** Whether the VM is to have this one is in its record. */
export async function tellMount(
  ctx: Parts<"sealing" | "worker">,
  vm: VmRecord,
  volumeId: VolumeId,
  { force }: { readonly force: boolean },
): Promise<Detached> {
  const signal = AbortSignal.timeout(ATTACH_DEADLINE_MS);
  const mount = vm.volumes.find((one) => one.volumeId === volumeId);
  try {
    if (mount === undefined) return await ctx.worker.volumes.detach(vm.id, volumeId, { force, signal });
    await ctx.worker.volumes.attach(vm.id, await toldMount(ctx, vm, mount), { signal });
  } catch (error) {
    if (signal.aborted) throw new FastvmError("guest_unresponsive", undefined, { cause: error });
    if (!isNotRunning(error)) throw error;
  }
  return { warnings: [] };
}

/** What a worker is told of a VM that it may know as it was before: each volume that differs. */
export const VOLUMES: WorkerPart = {
  kind: "volumes",
  tell: async (ctx, vm) => {
    const has = await ctx.worker.volumes.mounts(vm.id);
    const missing = vm.volumes.filter(({ volumeId }) => !has.some((one) => one.volumeId === volumeId));
    const extra = has.filter(({ volumeId }) => !vm.volumes.some((one) => one.volumeId === volumeId));
    for (const { volumeId } of [...missing, ...extra]) await tellMount(ctx, vm, volumeId, { force: true });
  },
};
