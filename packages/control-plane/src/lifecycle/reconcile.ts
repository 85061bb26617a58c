/**
 * At start the records and the worker's inventory are brought together. The worker knows what lives, the records know
 * what should: what only the worker has is ended, what only the records have is marked, what was half done is finished or undone.
 */
import type { WorkerInventory } from "@fastvm/contract";
import type { SnapshotRecord } from "../store/snapshot-repository.ts";
import type { VmChanges, VmRecord } from "../store/vm-repository.ts";
import { SYSTEM_ACTOR } from "./caller.ts";
import type { LifecycleContext } from "./context.ts";
import { tellDeadline } from "./deadline.ts";
import { deleteVm } from "./delete.ts";
import { isOverdue, recordExpiredDelete } from "./expire.ts";
import { insistOnNetwork } from "./network.ts";
import { recordSnapshotEvent } from "./snapshot-events.ts";
import { freezeTtl, thawTtl } from "./ttl.ts";
import { transitionVm } from "./transition-vm.ts";
import type { VmTransition } from "./vm-states.ts";

type FoundVm = WorkerInventory["vms"][number];

const LOST_AT_RESTART = "The host no longer had this VM after a restart";
const LAUNCH_INTERRUPTED = "The server restarted while this VM was started";

/** One record that cannot be reconciled is logged and does not stop the others. */
export async function reconcile(ctx: LifecycleContext): Promise<void> {
  const inventory = await ctx.worker.inventory();
  const found = new Map<string, FoundVm>(inventory.vms.map((vm) => [vm.vmId, vm]));
  const vms = await ctx.store.vms.listAll();
  for (const vm of vms) {
    await attempt(ctx, { vmId: vm.id }, () => reconcileVm(ctx, vm, found.get(vm.id)));
  }
  const known = new Set<string>(vms.map((vm) => vm.id));
  for (const { vmId } of inventory.vms) {
    if (!known.has(vmId)) await attempt(ctx, { vmId }, () => ctx.worker.deleteVm(vmId));
  }
  await reconcileSnapshots(ctx, inventory);
}

async function attempt(ctx: LifecycleContext, fields: object, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    ctx.log.error({ ...fields, err: error }, "a record could not be reconciled with the worker");
  }
}

async function reconcileVm(ctx: LifecycleContext, vm: VmRecord, found: FoundVm | undefined): Promise<void> {
  if (vm.status === "deleting") return deleteVm(ctx, vm, SYSTEM_ACTOR);
  if (vm.status === "error" || vm.status === "stopped" || vm.queuedAt !== null) return;
  if (found?.publicIpv6 !== undefined && found.publicIpv6 !== vm.publicIpv6) {
    await ctx.store.vms.update(vm.id, { publicIpv6: found.publicIpv6 });
  }
  if (found?.status === "running") {
    await settle(ctx, vm, "found_running", undefined, { pausedAt: null, ...thawTtl(vm, ctx.clock.now()) });
    // What was stored while the worker was away is in force before anybody is served.
    await insistOnNetwork(ctx, vm.id);
    return tellDeadline(ctx, vm.id);
  }
  const overdue = isOverdue(vm, ctx.clock.now());
  if (found === undefined && overdue && vm.ttlAction === "delete") return recordExpiredDelete(ctx, vm.id);
  if (found?.status === "paused") {
    const at = vm.pausedAt ?? ctx.clock.now();
    const pauseCount = vm.pausedAt === null ? vm.pauseCount + 1 : vm.pauseCount;
    const transition =
      overdue && vm.status === "running" && vm.ttlAction === "pause" ? "expired" : "found_paused";
    return settle(ctx, vm, transition, undefined, { pausedAt: at, pauseCount, ...freezeTtl(vm, at) });
  }
  const reason = found?.reason ?? (vm.status === "provisioning" ? LAUNCH_INTERRUPTED : LOST_AT_RESTART);
  return settle(ctx, vm, "vm_failed", reason);
}

/** A VM whose status already agrees is left as it is, since the state machine has no such transition. */
async function settle(
  ctx: LifecycleContext,
  vm: VmRecord,
  transition: VmTransition,
  reason: string | undefined,
  changes: VmChanges = {},
): Promise<void> {
  await ctx.store.transaction((records) =>
    transitionVm(records, vm.id, transition, {
      actor: SYSTEM_ACTOR,
      at: ctx.clock.now(),
      ...(reason === undefined ? {} : { reason }),
      changes,
    }),
  );
}

async function reconcileSnapshots(ctx: LifecycleContext, inventory: WorkerInventory): Promise<void> {
  const found = new Set<string>(inventory.snapshots);
  const snapshots = await ctx.store.snapshots.listAll();
  for (const snapshot of snapshots) {
    const fields = { snapshotId: snapshot.id };
    await attempt(ctx, fields, () => reconcileSnapshot(ctx, snapshot, found.has(snapshot.id)));
  }
  const known = new Set<string>(snapshots.map((snapshot) => snapshot.id));
  for (const snapshotId of inventory.snapshots) {
    if (!known.has(snapshotId)) {
      await attempt(ctx, { snapshotId }, () => ctx.worker.deleteSnapshot(snapshotId));
    }
  }
}

async function reconcileSnapshot(
  ctx: LifecycleContext,
  snapshot: SnapshotRecord,
  exists: boolean,
): Promise<void> {
  const { status } = snapshot;
  const change = { actor: SYSTEM_ACTOR, at: ctx.clock.now() };
  if (status === "creating" || status === "deleting") {
    // Nobody was told of a half-made one; somebody was promised that the other one goes.
    await ctx.worker.deleteSnapshot(snapshot.id);
    const cause = status === "creating" ? "capture_interrupted" : "deleted";
    await ctx.store.transaction(async (records) => {
      await records.snapshots.remove(snapshot.id);
      await recordSnapshotEvent(records, snapshot, status, null, cause, change);
    });
  } else if (status === "ready" && !exists) {
    const reason = "The host no longer had this snapshot after a restart";
    await ctx.store.transaction(async (records) => {
      await records.snapshots.changeStatus(snapshot.id, "ready", "error", { statusReason: reason });
      await recordSnapshotEvent(records, snapshot, "ready", "error", "lost", { ...change, reason });
    });
  }
}
