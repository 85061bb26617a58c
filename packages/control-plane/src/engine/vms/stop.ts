/** Stop: the guest powers off, or the power goes; the disk is kept. Meanwhile the VM is what it was, as no client knows a state for it. */
import { step } from "@fastvm/contract";
import type { EndCause, StopResult } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { transitionVm } from "../states/transition-vm.ts";
import { requireVm, wrongState } from "../states/wrong-state.ts";
import { restartAfter } from "./restart-after.ts";
import { withinAnswerTime } from "./answer-time.ts";
import { freezeTtl } from "./ttl.ts";

type StopVmContext = Parts<"clock" | "config" | "inflight" | "queue" | "reconciler" | "store" | "worker">;

export interface StopOrder {
  /** Default: the worker's. */
  readonly graceMs?: number | undefined;
  /** Of what stops by itself. Default: the worker's, how it ended. */
  readonly reason?: string | undefined;
  /** Of one that nobody told to stop: it may start by itself. */
  readonly cause?: EndCause | undefined;
}

/** A launch has another end: a VM that never ran has no disk to keep. */
export function isStart({ status, generation }: Pick<VmRecord, "status" | "generation">): boolean {
  return status === "provisioning" && generation > 1;
}

/** Resolves to the VM in `stopped`, or as it was when that takes long. Idempotent: a stop that is under way is joined. */
export async function stopVm(
  ctx: StopVmContext,
  vm: VmRecord,
  order: StopOrder,
  actor: string,
): Promise<VmRecord> {
  await ctx.inflight.join(vm.id, "stop");
  const now = await requireVm(ctx, vm.id);
  if (now.status === "stopped") return staysStopped(ctx, now);
  if (now.status !== "running" && !isStart(now)) throw wrongState(now, "only a running VM can be stopped");
  return withinAnswerTime(ctx, now, beginStop(ctx, now, order, actor));
}

/** One that was to start by itself does so no more. */
async function staysStopped(ctx: Parts<"store">, vm: VmRecord): Promise<VmRecord> {
  if (vm.restartAt === null) return vm;
  return await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    if (now?.status !== "stopped") return vm;
    return (await records.vms.update(vm.id, { restartAt: null })) ?? vm;
  });
}

function beginStop(ctx: StopVmContext, vm: VmRecord, order: StopOrder, actor: string): Promise<VmRecord> {
  return ctx.inflight.start(vm.id, "stop", async () => {
    await step("control.stop.begun");
    const { graceMs } = order;
    const result = await ctx.worker.stopVm(vm.id, graceMs === undefined ? {} : { graceMs });
    await step("control.stop.answered");
    const at = ctx.clock.now();
    await ctx.reconciler.settle(vm.id, () => settleStopped(ctx, vm, order, result, { actor, at }));
    await step("control.stop.settled");
    ctx.queue.wake();
    const now = await requireVm(ctx, vm.id);
    if (now.status !== "stopped") throw wrongState(now, "it changed while it was stopped");
    return now;
  });
}

/** What was to be started is so no more, whoever waits for room with it. */
function settleStopped(
  ctx: Parts<"store">,
  vm: VmRecord,
  order: StopOrder,
  result: Pick<StopResult, "reason">,
  by: { readonly actor: string; readonly at: number },
): Promise<VmRecord | undefined> {
  return ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    const ttl = now === undefined ? {} : freezeTtl(now, by.at);
    return transitionVm(records, vm.id, "stop_succeeded", {
      ...by,
      reason: order.reason ?? result.reason,
      changes: { queuedAt: null, ...restartAfter(now ?? vm, order.cause, by.at), ...ttl },
    });
  });
}
