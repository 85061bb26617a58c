/** Reads records and inventory at one moment and says what differs. The worker knows what lives, the records know what should. */
import type { SnapshotId, VmId, VolumeId, WorkerInventory } from "@fastvm/contract";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { BuildRecord } from "../../store/build-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Parts } from "../context.ts";
import type { Watch } from "../inflight.ts";
import { keepQuarantine } from "./quarantine.ts";
import type { Scope, Settlement } from "./reconciler.ts";
import type { EndBuildContext } from "../builds/end-build.ts";
import { settlementOfBuild } from "./settle-build.ts";
import { settlementOfSnapshot } from "./settle-snapshot.ts";
import { settlementOfVm, type SettleVmContext } from "./settle-vm.ts";
import { settlementOfVolume } from "./settle-volume.ts";

export async function compare(
  ctx: SettleVmContext & EndBuildContext,
  scope: Scope,
  watch: Watch,
): Promise<readonly Settlement[]> {
  // Before the records: whatever the worker has by now had its record made before.
  const inventory = await ctx.worker.inventory();
  const [vms, snapshots, builds, volumes, owed] = await Promise.all([
    recordsOfVms(ctx, scope),
    recordsOfSnapshots(ctx, scope),
    recordsOfBuilds(ctx, scope),
    recordsOfVolumes(ctx, scope),
    ctx.store.owed.vmIds(),
  ]);
  const foundVms = new Map(inventory.vms.map((vm) => [vm.vmId, vm]));
  const foundSnapshots = new Set(inventory.snapshots);
  const foundVolumes = new Set(inventory.volumes);
  const settlements = [
    ...vms.map((vm) => settlementOfVm(ctx, vm, foundVms.get(vm.id), { scope, isOwed: owed.has(vm.id) })),
    ...snapshots.map((snapshot) =>
      settlementOfSnapshot(ctx, snapshot, foundSnapshots.has(snapshot.id), scope),
    ),
    ...builds.map((build) => settlementOfBuild(ctx, build)),
    ...volumes.map((volume) => settlementOfVolume(ctx, volume, foundVolumes.has(volume.id), scope)),
  ].filter((settlement) => settlement !== undefined);
  if (scope !== "all" && scope !== "start") return settlements;
  return [...settlements, ...(await keepQuarantine(ctx, strangersOf(inventory, vms, snapshots, watch)))];
}

async function recordsOfVms(ctx: Parts<"store">, scope: Scope): Promise<readonly VmRecord[]> {
  if (scope === "all" || scope === "start") return ctx.store.vms.listAll();
  const found = await Promise.all([...scope].map((id) => ctx.store.vms.get(id as VmId)));
  return found.filter((vm) => vm !== undefined);
}

async function recordsOfSnapshots(ctx: Parts<"store">, scope: Scope): Promise<readonly SnapshotRecord[]> {
  if (scope === "all" || scope === "start") return ctx.store.snapshots.listAll();
  const found = await Promise.all([...scope].map((id) => ctx.store.snapshots.get(id as SnapshotId)));
  return found.filter((snapshot) => snapshot !== undefined);
}

async function recordsOfBuilds(ctx: Parts<"store">, scope: Scope): Promise<readonly BuildRecord[]> {
  if (scope === "all" || scope === "start") return ctx.store.builds.listUnfinished();
  const found = await Promise.all([...scope].map((id) => ctx.store.builds.get(id)));
  return found.filter((build) => build !== undefined);
}

async function recordsOfVolumes(ctx: Parts<"store">, scope: Scope): Promise<readonly VolumeRecord[]> {
  if (scope === "all" || scope === "start") return ctx.store.volumes.listAll();
  const found = await Promise.all([...scope].map((id) => ctx.store.volumes.get(id as VolumeId)));
  return found.filter((volume) => volume !== undefined);
}

/** One that is worked on is none: its launch is under way, or its delete. */
function strangersOf(
  inventory: WorkerInventory,
  vms: readonly VmRecord[],
  snapshots: readonly SnapshotRecord[],
  watch: Watch,
): Pick<WorkerInventory, "vms" | "snapshots"> {
  const known = new Set<string>([...vms, ...snapshots].map(({ id }) => id));
  const isStranger = (id: string): boolean => !known.has(id) && !watch.touched(id);
  return {
    vms: inventory.vms.filter(({ vmId }) => isStranger(vmId)),
    snapshots: inventory.snapshots.filter(isStranger),
  };
}
