/**
 * Brings one pool to what it should have, by its rows alone: starts what is missing, ends what is too many, too old or of an older build.
 * Of a VM it makes sure first that nobody takes it out, then ends it.
 */
import { FastvmError, parseMachineType, step } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { WarmPoolChanges, WarmPoolRecord } from "../../store/warm-pool-repository.ts";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { launchVm, type LaunchOrder } from "../vms/launch.ts";
import { withOwnImage } from "../vms/own-image.ts";
import type { StartVmContext } from "../vms/start-order.ts";
import { imageOfPool, isKept, resolveTemplate, type TemplateContext } from "./template.ts";

export type KeepContext = StartVmContext &
  DeleteVmContext &
  TemplateContext &
  Parts<"log" | "shutdown" | "store">;

/** Of no build: nobody takes it out. */
const RETIRED = 0;

/** What keeps a pool from being full. */
type Condition = "no_eligible_hosts" | "quota_exceeded" | "template_build_unavailable" | "launch_failed";

interface Kept {
  /** VMs that are still to be started. */
  readonly missing: number;
  readonly pool: WarmPoolRecord;
}

/** `undefined`: it is gone. */
export async function keepPool(ctx: KeepContext, given: WarmPoolRecord): Promise<Kept | undefined> {
  const members = await ctx.store.vms.listOfPool(given.id);
  const isEmptied = given.state === "draining" || given.state === "deleted";
  const { pool, isThere } = isEmptied ? { pool: given, isThere: false } : await followTemplate(ctx, given);
  const now = ctx.clock.now();
  const left: VmRecord[] = [];
  for (const vm of members) {
    const why = isEmptied ? "emptied" : reasonToEnd(pool, vm, now);
    if (why === undefined) left.push(vm);
    else await end(ctx, pool, vm, why);
  }
  for (const vm of left.slice(pool.maxReady)) await end(ctx, pool, vm, "emptied");
  if (pool.state === "deleted") {
    if ((await ctx.store.vms.listOfPool(pool.id)).length > 0) return { missing: 0, pool };
    await ctx.store.warmPools.remove(pool.id);
    return undefined;
  }
  const isFull = left.length >= pool.minReady;
  if (isFull && isThere && pool.condition !== null) await note(ctx, pool, undefined);
  const isToFill = pool.state === "enabled" && isThere && !isFull;
  return { missing: isToFill ? pool.minReady - left.length : 0, pool };
}

type Reason = "failed" | "expired" | "emptied";

function reasonToEnd(pool: WarmPoolRecord, vm: VmRecord, now: number): Reason | undefined {
  if (vm.status !== "running" && vm.status !== "provisioning")
    return vm.status === "deleting" ? "emptied" : "failed";
  if (vm.poolGeneration !== pool.generation) return "emptied";
  const { staleAfterMs } = pool;
  if (staleAfterMs !== null && vm.startedAt !== null && vm.startedAt + staleAfterMs <= now) return "expired";
  return undefined;
}

async function end(ctx: KeepContext, pool: WarmPoolRecord, vm: VmRecord, why: Reason): Promise<void> {
  try {
    if (!(await ctx.store.vms.retireInPool(vm, RETIRED))) return;
    await step("control.pool.retired");
    if (why === "failed" && vm.status !== "deleting") await ctx.store.warmPools.count(pool.id, "failures");
    if (why === "expired") await ctx.store.warmPools.count(pool.id, "expired");
    await deleteVm(ctx, { ...vm, poolGeneration: RETIRED }, SYSTEM_ACTOR);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id, poolId: pool.id }, "a VM of a pool could not be ended");
  }
}

interface Followed {
  readonly pool: WarmPoolRecord;
  /** Whether there is the build that it is to be of. */
  readonly isThere: boolean;
}

/** One more generation when the template means another build, for a pool that follows it; one that does not waits for its own. */
async function followTemplate(ctx: KeepContext, pool: WarmPoolRecord): Promise<Followed> {
  if (!pool.isTracking && (await isKept(ctx, pool))) return { pool, isThere: true };
  let resolved: string;
  try {
    resolved = await resolveTemplate(ctx, pool.orgId, pool.template);
  } catch (error) {
    return { pool: await note(ctx, pool, error, "template_build_unavailable"), isThere: false };
  }
  if (resolved === pool.resolved) return { pool, isThere: true };
  if (pool.resolved !== null && !pool.isTracking) {
    const moved = new Error("the template means another build by now, and the pool is pinned to its own");
    return { pool: await note(ctx, pool, moved, "template_build_unavailable"), isThere: false };
  }
  const changes =
    pool.resolved === null
      ? { resolved }
      : { resolved, generation: pool.generation + 1, previousResolved: pool.resolved };
  return { pool: (await ctx.store.warmPools.update(pool.id, changes)) ?? pool, isThere: true };
}

/** One VM for the pool. Resolves when it runs; to `false` when it does not, which is noted. */
export async function refill(ctx: KeepContext, pool: WarmPoolRecord): Promise<boolean> {
  const caller = { orgId: pool.orgId, keyId: "warm-pool" };
  try {
    const vm = await launchVm(ctx, caller, await withOwnImage(ctx, caller, orderOf(pool)));
    await ctx.inflight.settled(vm.id);
    await step("control.pool.refilled");
    const now = await ctx.store.vms.get(vm.id);
    if (now === undefined || now.status === "running") return true;
    throw new FastvmError("launch_failed", now.statusReason ?? undefined);
  } catch (error) {
    await note(ctx, pool, error);
    return false;
  }
}

function orderOf(pool: WarmPoolRecord): LaunchOrder {
  const { id, generation, machineName, cpu, memoryMib, diskGib } = pool;
  const machine = parseMachineType(machineName) ?? { name: machineName, cpu, memoryMib };
  return {
    source: { kind: "machine", machine, image: imageOfPool(pool) },
    name: "",
    settings: { diskGib },
    ttl: undefined,
    repeatKey: null,
    pool: { id, generation },
  };
}

const CONDITIONS: ReadonlyMap<string, Condition> = new Map([
  ["out_of_capacity", "no_eligible_hosts"],
  ["out_of_disk", "no_eligible_hosts"],
  ["quota_exceeded", "quota_exceeded"],
  ["not_found", "template_build_unavailable"],
  ["image_invalid", "template_build_unavailable"],
]);

/** `undefined`: all is well again. */
async function note(
  ctx: Parts<"log" | "store">,
  pool: WarmPoolRecord,
  error: unknown,
  named?: Condition,
): Promise<WarmPoolRecord> {
  const code = error instanceof FastvmError ? error.code : "";
  const condition = error === undefined ? null : (named ?? CONDITIONS.get(code) ?? "launch_failed");
  const conditionDetail = error instanceof Error ? error.message : null;
  if (condition !== pool.condition)
    ctx.log.info({ err: error, poolId: pool.id, condition }, "a pool's condition changed");
  const changes: WarmPoolChanges = { condition, conditionDetail };
  return (await ctx.store.warmPools.update(pool.id, changes)) ?? pool;
}
