/** Resume: a paused VM runs again, at once or as soon as the host has room. */
import { FastvmError, type LaunchResult, type WorkerCapacity, step } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { withinAnswerTime } from "./answer-time.ts";
import { catchUp } from "./catch-up.ts";
import type { Parts } from "../context.ts";
import { failureOf } from "../failure.ts";
import { waiting, WAITING_FOR_ROOM } from "./launch.ts";
import { mustQueue, reserveQuota } from "../placement/reservation.ts";
import { addressOf, startOrderOf, type StartOrder, type StartVmContext } from "./start-order.ts";
import { recordDurability } from "./record-durability.ts";
import { thawTtl } from "./ttl.ts";
import { afterStart } from "../volumes/mount-list.ts";
import { transitionVm } from "../states/transition-vm.ts";
import { joined, requireVm, wrongState } from "../states/wrong-state.ts";

/** Resolves to the VM in `running`, or in `resuming` when it waits for room or takes long. Idempotent. */
export async function resumeVm(ctx: StartVmContext, vm: VmRecord, actor: string): Promise<VmRecord> {
  const capacity = await ctx.worker.capacity();
  const begun = await ctx.inflight.hold(vm.id, async () => {
    const resuming = await ctx.store.transaction(
      (records) => reserve(ctx, records, vm, actor, capacity),
      recordDurability(vm),
    );
    if (resuming === undefined) return undefined;
    await step("control.resume.recorded");
    return { resuming, running: resuming.queuedAt === null ? startResume(ctx, resuming, actor) : undefined };
  });
  if (begun === undefined) return joinResume(ctx, vm);
  if (begun.running !== undefined) return withinAnswerTime(ctx, begun.resuming, begun.running);
  ctx.queue.wake();
  return begun.resuming;
}

async function reserve(
  ctx: Parts<"clock" | "config">,
  records: Records,
  vm: VmRecord,
  actor: string,
  capacity: WorkerCapacity,
): Promise<VmRecord | undefined> {
  const now = await records.vms.get(vm.id);
  if (now?.status !== "paused") return undefined;
  await reserveQuota(records, vm.orgId, { vcpu: vm.cpu, memoryMiB: vm.memoryMib, diskGiB: vm.diskGib });
  const queued = await mustQueue(ctx, records, capacity, vm.memoryMib);
  const at = ctx.clock.now();
  return transitionVm(records, vm.id, "resume_started", {
    actor,
    at,
    ...(queued ? { reason: WAITING_FOR_ROOM } : {}),
    changes: { generation: now.generation + 1, ...(queued ? { queuedAt: at } : {}) },
  });
}

async function joinResume(ctx: Parts<"inflight" | "reconciler" | "store">, vm: VmRecord): Promise<VmRecord> {
  const now = await joined(ctx, vm.id, "resume", "resuming");
  if (now.status === "running" || now.status === "resuming") return now;
  throw wrongState(now, "only a paused VM can be resumed");
}

/** Restores the VM of a `resuming` record and follows it to its end in this process. */
export function startResume(ctx: StartVmContext, vm: VmRecord, actor: string): Promise<VmRecord> {
  return ctx.inflight.start(vm.id, "resume", async () => {
    let told: StartOrder;
    let result: LaunchResult;
    try {
      told = await startOrderOf(ctx, vm);
      result = await ctx.worker.resume(vm.id, told);
    } catch (error) {
      const queued = await ctx.reconciler.settle(vm.id, () => settleFailure(ctx, vm, actor, error));
      if (queued !== undefined) return queued;
      throw error;
    }
    await step("control.resume.answered");
    const at = ctx.clock.now();
    const running = await ctx.reconciler.settle(vm.id, () => settleSuccess(ctx, vm, actor, result, at));
    if (running === undefined) throw wrongState(await requireVm(ctx, vm.id), "it changed while it resumed");
    await step("control.resume.settled");
    await catchUp(ctx, vm.id);
    return running;
  });
}

function settleSuccess(
  ctx: Parts<"store">,
  vm: VmRecord,
  actor: string,
  result: LaunchResult,
  at: number,
): Promise<VmRecord | undefined> {
  return ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    const thawed = now === undefined ? {} : thawTtl(now, at);
    const volumes = afterStart((now ?? vm).volumes, result.mounts);
    const changes = { pausedAt: null, ...addressOf(result), volumes, ...thawed };
    return transitionVm(records, vm.id, "resume_succeeded", { actor, at, changes });
  });
}

/** The VM if it waits for room now; else it has failed. */
async function settleFailure(
  ctx: Parts<"clock" | "queue" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<VmRecord | undefined> {
  if (error instanceof FastvmError && error.code === "out_of_capacity") {
    const queued = await requeue(ctx, vm);
    if (queued !== undefined) return queued;
  }
  // A resume that fails leaves the paused state as it was.
  await ctx.store.transaction((records) =>
    transitionVm(records, vm.id, "resume_failed", { actor, at: ctx.clock.now(), ...failureOf(error) }),
  );
  ctx.queue.wake();
  return undefined;
}

async function requeue(ctx: Parts<"clock" | "queue" | "store">, vm: VmRecord): Promise<VmRecord | undefined> {
  const at = ctx.clock.now();
  const queued = await ctx.store.transaction(async (records) => {
    const now = await records.vms.get(vm.id);
    return now?.status === "resuming" ? records.vms.update(vm.id, waiting(at)) : undefined;
  });
  ctx.queue.wakeLater();
  return queued;
}
