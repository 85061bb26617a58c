/** Fork: one capture of a VM and many children from it. Children that fail leave nothing but an event. */
import {
  FastvmError,
  newVmId,
  type CaptureResult,
  type ForkVolumes,
  type ForkChild,
  type ForkResult,
  type VmId,
  type WorkerCapacity,
  step,
} from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { catchUp } from "./catch-up.ts";
import type { OwedContext } from "../owed/tell-owed.ts";
import type { Parts } from "../context.ts";
import { failureOf } from "../failure.ts";
import { isDatabaseFailure } from "../reconcile/owed.ts";
import { hasRoom, reserveQuota } from "../placement/reservation.ts";
import { newTrafficToken, type TrafficToken } from "../previews/traffic-token.ts";
import { inherit, type SettingsChanges } from "./inherit.ts";
import { newVmRecord } from "./new-vm.ts";
import { recordDurability } from "./record-durability.ts";
import { addressOf, startOrderOf, type StartVmContext } from "./start-order.ts";
import { thawTtl, ttlOf } from "./ttl.ts";
import { copiedMounts, settleCopies, withCopies, type VolumeCopy } from "../volumes/fork-copies.ts";
import { afterStart, forkedMounts } from "../volumes/mount-list.ts";
import { recordVmEvent, transitionVm } from "../states/transition-vm.ts";
import { wrongState } from "../states/wrong-state.ts";

export interface ForkOrder {
  readonly count: number;
  /** Normalised names of the first children; the others, and empty ones, get default names. */
  readonly names: readonly string[];
  /** What the children do not have as the source has it. */
  readonly settings: Pick<SettingsChanges, "metadata" | "network">;
  /** The client's own, for an order of one child: however often it comes, one is made. */
  readonly key?: OrderKey | undefined;
  /** Default: shared. */
  readonly volumes?: ForkVolumes | undefined;
  /** Written in the transaction that records the children: all of it is there, or nothing. */
  readonly alongside?: ((records: Records, children: readonly VmRecord[]) => Promise<void>) | undefined;
}

export type ForkOutcome = { readonly vm: VmRecord } | { readonly error: unknown };

export interface ForkedVms {
  readonly children: readonly ForkOutcome[];
  readonly pauseMs: number;
  readonly dirtyBytes: number;
  readonly tracking: CaptureResult["tracking"];
}

/** Rejects, with nothing left behind, when there is no quota or room for all children or the capture fails. */
export async function forkVm(
  ctx: StartVmContext & Parts<"lendRoom">,
  caller: Caller,
  source: VmRecord,
  order: ForkOrder,
): Promise<ForkedVms> {
  const ids = Array.from({ length: order.count }, newVmId);
  if (order.volumes !== "copy") return await forkInto(ctx, caller, source, order, { ids, copies: [] });
  return await withCopies(ctx, caller, source, ids, async (copies) => {
    const result = await forkInto(ctx, caller, source, order, { ids, copies });
    const kept = result.children.flatMap((child) => ("vm" in child ? [child.vm.id] : []));
    return { result, kept: new Set(kept) };
  });
}

interface Children {
  readonly ids: readonly VmId[];
  readonly copies: readonly VolumeCopy[];
}

async function forkInto(
  ctx: StartVmContext,
  caller: Caller,
  source: VmRecord,
  order: ForkOrder,
  { ids, copies }: Children,
): Promise<ForkedVms> {
  const capacity = await ctx.worker.capacity();
  const traffic = await Promise.all(ids.map((id) => newTrafficToken(ctx, source.orgId, id, source)));
  const { forked } = await ctx.inflight.holdAll(ids, async () => {
    const children = await ctx.store.transaction(
      async (records) =>
        (await findEarlier(ctx, records, caller, order, ids)) ??
        (await insertChildren(ctx, records, caller, { source, order, ids, copies, traffic }, capacity)),
      // They inherit it.
      recordDurability(source),
    );
    const [first] = children;
    if (first !== undefined && first.id !== ids[0]) return { forked: earlierFork(ctx, first.id) };
    const started = startChildren(ctx, source, children, actorOf(caller));
    for (const id of ids) void ctx.inflight.start(id, "fork", () => started);
    return { forked: started };
  });
  return forked;
}

/** The child that the same order made before. */
async function findEarlier(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  { key }: ForkOrder,
  [id]: readonly VmId[],
): Promise<readonly VmRecord[] | undefined> {
  if (key === undefined || id === undefined) return undefined;
  const isThere = async (subject: string) => (await records.vms.get(subject as VmId)) !== undefined;
  const taken = await takeOrderKey(records, caller, key, id, ctx.clock.now(), isThere);
  if (taken.kind === "ours") return undefined;
  const earlier = await records.vms.get(taken.subjectId as VmId);
  if (earlier !== undefined) return [earlier];
  throw new FastvmError("conflict", "what this order made was deleted meanwhile");
}

/** What the capture cost was told to whoever asked first. */
async function earlierFork(ctx: Parts<"inflight" | "store">, vmId: VmId): Promise<ForkedVms> {
  await ctx.inflight.join(vmId, "fork");
  const now = await ctx.store.vms.get(vmId);
  const child =
    now === undefined ? { error: new FastvmError("launch_failed", "the fork failed") } : { vm: now };
  return { children: [child], pauseMs: 0, dirtyBytes: 0, tracking: undefined };
}

async function startChildren(
  ctx: OwedContext & Parts<"log" | "queue" | "reconciler">,
  source: VmRecord,
  children: readonly VmRecord[],
  actor: string,
): Promise<ForkedVms> {
  let starts: readonly ForkChild[];
  let result: ForkResult;
  try {
    starts = await Promise.all(
      children.map(async (vm) => ({ vmId: vm.id, ...(await startOrderOf(ctx, vm)) })),
    );
    await step("control.fork.recorded");
    result = await ctx.worker.fork(source.id, starts);
  } catch (error) {
    await Promise.all(children.map((vm) => dropChild(ctx, vm, actor, error)));
    throw error;
  }
  await step("control.fork.answered");
  const outcomes = await Promise.all(children.map((vm) => settleChild(ctx, vm, actor, result)));
  await step("control.fork.settled");
  const [first] = outcomes;
  const isNoneRecorded = outcomes.every((outcome) => "error" in outcome && isDatabaseFailure(outcome.error));
  if (isNoneRecorded && first !== undefined && "error" in first) throw first.error;
  const { pauseMs, dirtyBytes, tracking } = result.capture;
  return { children: outcomes, pauseMs, dirtyBytes, tracking };
}

interface Family extends Children {
  readonly source: VmRecord;
  readonly order: ForkOrder;
  /** For requests to the ports of each, where they need one. */
  readonly traffic: readonly (TrafficToken | undefined)[];
}

async function insertChildren(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  { source, order, ids, copies, traffic }: Family,
  capacity: WorkerCapacity,
): Promise<VmRecord[]> {
  const count = ids.length;
  await reserveQuota(records, caller.orgId, {
    vcpu: source.cpu * count,
    memoryMiB: source.memoryMib * count,
    diskGiB: source.diskGib * count,
  });
  const now = await records.vms.get(source.id);
  if (now === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
  if (now.status !== "running" && now.status !== "paused") {
    throw wrongState(now, "only a running or paused VM can be forked");
  }
  if (!(await hasRoom(records, capacity, source.memoryMib * count))) {
    throw new FastvmError(
      "out_of_capacity",
      `${count} children need ${source.memoryMib * count} MiB of memory`,
    );
  }
  const at = ctx.clock.now();
  await settleCopies(records, copies);
  const children = ids.map((id, index) => ({
    ...newChild(source, order, id, index, at),
    volumes:
      order.volumes === "copy"
        ? copiedMounts(source.volumes, id, copies)
        : forkedMounts(source.volumes, order.volumes ?? "shared"),
    trafficTokenDigest: traffic[index]?.digest ?? null,
  }));
  for (const [index, child] of children.entries()) {
    await records.vms.create(child);
    await traffic[index]?.sealed.write(records);
    await recordVmEvent(records, child, null, "provisioning", "fork_requested", {
      actor: actorOf(caller),
      at,
    });
  }
  await order.alongside?.(records, children);
  return children;
}

function newChild(source: VmRecord, order: ForkOrder, id: VmId, index: number, at: number): VmRecord {
  return newVmRecord({
    id,
    orgId: source.orgId,
    name: order.names[index] ?? "",
    settings: inherit(source, order.settings),
    ttl: ttlOf(source),
    source: { sourceName: source.name, sourceVmId: source.id },
    repeatKey: null,
    at,
  });
}

async function settleChild(
  ctx: OwedContext & Parts<"log" | "queue" | "reconciler">,
  vm: VmRecord,
  actor: string,
  result: ForkResult,
): Promise<ForkOutcome> {
  const child = result.children.find((candidate) => candidate.vmId === vm.id);
  if (child === undefined || !child.ok) {
    const error = child?.error ?? new FastvmError("internal", "the worker said nothing of this child");
    await dropChild(ctx, vm, actor, error);
    return { error };
  }
  const at = ctx.clock.now();
  const volumes = afterStart(vm.volumes, child.launch.mounts);
  const changes = { ...addressOf(child.launch), volumes, ...thawTtl(vm, at) };
  let running: VmRecord | undefined;
  try {
    running = await ctx.store.transaction(
      (records) => transitionVm(records, vm.id, "launch_succeeded", { actor, at, changes }),
      recordDurability(vm),
    );
  } catch (error) {
    running = await findRunning(ctx, vm.id);
    if (running === undefined) {
      // Whoever asked is told that it failed, and may fork again.
      ctx.reconciler.owe(vm.id, () => undoChild(ctx, vm, actor, error));
      return { error };
    }
  }
  if (running !== undefined) {
    await catchUp(ctx, vm.id);
    return { vm: running };
  }
  return { error: await explainLostChild(ctx, vm.id) };
}

/** A commit whose answer was lost counts: whoever lists the child then may work with it, and it must not go again. */
async function findRunning(ctx: Parts<"store">, vmId: VmId): Promise<VmRecord | undefined> {
  const now = await ctx.store.vms.get(vmId).catch(() => undefined);
  return now?.status === "running" ? now : undefined;
}

/** The child started but its record had moved on: it was deleted, or it died at once. */
async function explainLostChild(ctx: Parts<"store" | "worker">, vmId: VmId): Promise<FastvmError> {
  const now = await ctx.store.vms.get(vmId);
  if (now === undefined || now.status === "deleting") {
    await ctx.worker.deleteVm(vmId);
    return new FastvmError("launch_failed", "it was deleted while it started");
  }
  return new FastvmError("launch_failed", now.statusReason ?? `it is ${now.status}`);
}

/** Now, or when the database can be written again. */
async function dropChild(
  ctx: Parts<"clock" | "queue" | "reconciler" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<void> {
  const discard = () => discardChild(ctx, vm, actor, error);
  await ctx.reconciler.settle(vm.id, discard).catch(() => ctx.reconciler.lookLater(vm.id));
}

async function undoChild(
  ctx: Parts<"clock" | "queue" | "store" | "worker">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<void> {
  await ctx.worker.deleteVm(vm.id);
  await discardChild(ctx, vm, actor, error);
}

async function discardChild(
  ctx: Parts<"clock" | "queue" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const gone = await records.vms.remove(vm.id);
    if (gone === undefined) return;
    const change = { actor, at: ctx.clock.now(), ...failureOf(error) };
    await recordVmEvent(records, gone, gone.status, null, "fork_failed", change);
  });
  ctx.queue.wake();
}
