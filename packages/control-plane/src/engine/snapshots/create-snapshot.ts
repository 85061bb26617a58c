/** Snapshot: a durable capture of a running or paused VM. A capture that fails leaves no record but an event. */
import {
  defaultSnapshotName,
  FastvmError,
  newSnapshotId,
  type CaptureResult,
  type SnapshotId,
  type SnapshotOptions,
  step,
} from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { failureOf } from "../failure.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { reserveSnapshotQuota } from "../placement/reservation.ts";
import { recordSnapshotEvent } from "./snapshot-events.ts";
import { inherit } from "../vms/inherit.ts";
import { wrongState } from "../states/wrong-state.ts";

type CreateSnapshotContext = Parts<"clock" | "inflight" | "reconciler" | "store" | "worker">;

export interface MadeSnapshot {
  readonly snapshot: SnapshotRecord;
  /** Free memory that was left out; absent where that was not asked for or could not be, or another call made it. */
  readonly reclaimedBytes?: number | undefined;
}

export interface CreateSnapshotOptions extends SnapshotOptions {
  /** The client's own: however often the order comes, one snapshot is made. */
  readonly key?: OrderKey | undefined;
  /** Which it is to have; default: a new one. */
  readonly snapshotId?: SnapshotId;
  /** Of the snapshot, beside what it has of its VM. Checked. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether what its files are is written down, for `verify`. */
  readonly recordsIntegrity?: boolean;
}

/** Resolves when the snapshot is durable. `name` is normalised; empty for the default. */
export async function createSnapshot(
  ctx: CreateSnapshotContext,
  caller: Caller,
  vm: VmRecord,
  name: string,
  { key, snapshotId = newSnapshotId(), labels = {}, ...options }: CreateSnapshotOptions,
): Promise<MadeSnapshot> {
  const { snapshot, captured } = await ctx.inflight.hold(snapshotId, async () => {
    // Over a power cut, too: what the worker publishes would otherwise be there without a record that knows of it.
    const found = await ctx.store.transaction(
      async (records) =>
        (await findEarlier(ctx, records, caller, key, snapshotId)) ??
        (await insertOrFind(ctx, records, caller, vm, { snapshotId, name, labels })),
    );
    const isNew = found.id === snapshotId;
    return {
      snapshot: found,
      captured: isNew ? startCapture(ctx, found, actorOf(caller), options) : undefined,
    };
  });
  if (captured !== undefined) return captured;
  // One on its way that nobody here works on was cut: it is finished or undone first.
  if (!(await ctx.inflight.join(snapshot.id, "capture")) && snapshot.status === "creating") {
    await ctx.reconciler.lookNow(snapshot.id);
  }
  const now = await ctx.store.snapshots.get(snapshot.id);
  if (now === undefined) throw new FastvmError("capture_failed");
  return { snapshot: now };
}

/** The snapshot that the same order made before. */
async function findEarlier(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  key: OrderKey | undefined,
  snapshotId: SnapshotId,
): Promise<SnapshotRecord | undefined> {
  if (key === undefined) return undefined;
  const isThere = async (id: string) => (await records.snapshots.get(id as SnapshotId)) !== undefined;
  const taken = await takeOrderKey(records, caller, key, snapshotId, ctx.clock.now(), isThere);
  if (taken.kind === "ours") return undefined;
  const earlier = await records.snapshots.get(taken.subjectId as SnapshotId);
  if (earlier !== undefined) return earlier;
  throw new FastvmError("conflict", "what this order made was deleted meanwhile");
}

interface NewSnapshot {
  readonly snapshotId: SnapshotId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

async function insertOrFind(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  source: VmRecord,
  order: NewSnapshot,
): Promise<SnapshotRecord> {
  // Taken before the look: two requests during one pause must not both find nothing.
  await records.organisations.lock(caller.orgId);
  const vm = await records.vms.get(source.id);
  if (vm === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile", { field: "vm" });
  if (vm.status !== "running" && vm.status !== "paused") {
    throw wrongState(vm, "only a running or paused VM can be captured");
  }
  const existing =
    vm.status === "paused" ? await records.snapshots.findOfPause(vm.id, vm.pauseCount) : undefined;
  if (existing !== undefined) return existing;
  await reserveSnapshotQuota(records, caller.orgId);
  const snapshot = newSnapshotRecord(vm, order, ctx.clock.now());
  await records.snapshots.create(snapshot);
  await recordSnapshotEvent(records, snapshot, null, "creating", "snapshot_requested", {
    actor: actorOf(caller),
    at: snapshot.createdAt,
  });
  return snapshot;
}

function newSnapshotRecord(
  vm: VmRecord,
  { snapshotId, name, labels }: NewSnapshot,
  at: number,
): SnapshotRecord {
  return {
    id: snapshotId,
    orgId: vm.orgId,
    name: name === "" ? defaultSnapshotName(vm.id) : name,
    vmId: vm.id,
    status: "creating",
    statusReason: null,
    ...inherit(vm),
    pauseCycle: vm.status === "paused" ? vm.pauseCount : null,
    pauseMs: null,
    labels,
    integrity: null,
    createdAt: at,
  };
}

type CaptureOptions = SnapshotOptions & Pick<CreateSnapshotOptions, "recordsIntegrity">;

function startCapture(
  ctx: CreateSnapshotContext,
  snapshot: SnapshotRecord,
  actor: string,
  { recordsIntegrity = false, ...options }: CaptureOptions,
): Promise<MadeSnapshot> {
  return ctx.inflight.start(snapshot.id, "capture", async () => {
    let capture: CaptureResult;
    let integrity: SnapshotRecord["integrity"];
    try {
      await step("control.snapshot.recorded");
      capture = await ctx.worker.createSnapshot(snapshot.vmId, snapshot.id, options);
      integrity = recordsIntegrity ? await digestOrDelete(ctx, snapshot.id) : null;
    } catch (error) {
      await ctx.reconciler.settle(snapshot.id, () => discard(ctx, snapshot, actor, error));
      throw error;
    }
    await step("control.snapshot.answered");
    const ready = await ctx.reconciler.settle(snapshot.id, () =>
      publish(ctx, snapshot, actor, { ...capture, integrity }),
    );
    await step("control.snapshot.settled");
    if (ready === undefined) throw new FastvmError("capture_failed", "the snapshot was deleted meanwhile");
    return { snapshot: ready, reclaimedBytes: capture.reclaimedBytes };
  });
}

/** One whose files cannot be read is none. */
async function digestOrDelete(
  { worker }: Pick<CreateSnapshotContext, "worker">,
  id: SnapshotId,
): Promise<SnapshotRecord["integrity"]> {
  try {
    return await worker.digestSnapshot(id);
  } catch (error) {
    await worker.deleteSnapshot(id);
    throw error;
  }
}

function publish(
  ctx: Parts<"clock" | "store">,
  snapshot: SnapshotRecord,
  actor: string,
  { pauseMs, integrity }: CaptureResult & Pick<SnapshotRecord, "integrity">,
): Promise<SnapshotRecord | undefined> {
  return ctx.store.transaction(async (records) => {
    const after = await records.snapshots.changeStatus(snapshot.id, "creating", "ready", {
      pauseMs,
      integrity,
    });
    if (after === undefined) return undefined;
    const change = { actor, at: ctx.clock.now() };
    await recordSnapshotEvent(records, after, "creating", "ready", "capture_succeeded", change);
    return after;
  });
}

async function discard(
  ctx: Parts<"clock" | "store">,
  snapshot: SnapshotRecord,
  actor: string,
  error: unknown,
): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const gone = await records.snapshots.remove(snapshot.id);
    if (gone === undefined) return;
    const change = { actor, at: ctx.clock.now(), ...failureOf(error) };
    await recordSnapshotEvent(records, gone, gone.status, null, "capture_failed", change);
  });
}
