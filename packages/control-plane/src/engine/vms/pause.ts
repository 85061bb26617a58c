/** Pause: the VM's state goes to disk and its memory is freed. */
import { FastvmError, step } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { failureOf } from "../failure.ts";
import { freezeTtl } from "./ttl.ts";
import { transitionVm } from "../states/transition-vm.ts";
import { joined, requireVm, wrongState } from "../states/wrong-state.ts";

type PauseVmContext = Parts<"clock" | "inflight" | "queue" | "reconciler" | "store" | "worker">;

/** Idempotent: a paused VM stays paused, a pausing one is waited for. `reason`: of what pauses by itself. */
export async function pauseVm(
  ctx: PauseVmContext,
  vm: VmRecord,
  actor: string,
  reason?: string,
): Promise<VmRecord> {
  const begun = await ctx.inflight.hold(vm.id, async () => {
    const pausing = await ctx.store.transaction(
      (records) => transitionVm(records, vm.id, "pause_started", { actor, at: ctx.clock.now(), reason }),
      "process",
    );
    return pausing && { paused: startPause(ctx, pausing, actor, reason) };
  });
  if (begun !== undefined) return begun.paused;
  const now = await joined(ctx, vm.id, "pause", "pausing");
  if (now.status === "paused") return now;
  throw wrongState(now, "only a running VM can be paused");
}

function startPause(
  ctx: PauseVmContext,
  vm: VmRecord,
  actor: string,
  reason: string | undefined,
): Promise<VmRecord> {
  return ctx.inflight.start(vm.id, "pause", async () => {
    try {
      await step("control.pause.recorded");
      await ctx.worker.pause(vm.id);
    } catch (error) {
      await ctx.reconciler.settle(vm.id, () => settleFailure(ctx, vm, actor, error));
      throw error;
    }
    await step("control.pause.answered");
    const at = ctx.clock.now();
    const paused = await ctx.reconciler.settle(vm.id, () => settleSuccess(ctx, vm, { actor, at, reason }));
    await step("control.pause.settled");
    ctx.queue.wake();
    if (paused === undefined) throw wrongState(await requireVm(ctx, vm.id), "it changed while it was paused");
    return paused;
  });
}

function settleSuccess(
  ctx: Parts<"store">,
  vm: VmRecord,
  by: { readonly actor: string; readonly at: number; readonly reason: string | undefined },
): Promise<VmRecord | undefined> {
  return ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    const ttl = now === undefined ? {} : freezeTtl(now, by.at);
    const changes = { pausedAt: by.at, pauseCount: vm.pauseCount + 1, ...ttl };
    return transitionVm(records, vm.id, "pause_succeeded", { ...by, changes });
  });
}

/**
 * A pause that fails leaves the VM running, unless the VM itself died. Why is in the
 * event and was answered: it is no reason of a VM that runs.
 */
async function settleFailure(
  ctx: Parts<"clock" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<void> {
  const died = error instanceof FastvmError && error.code === "vm_died";
  const after = died ? {} : { changes: { statusReason: null } };
  await ctx.store.transaction((records) =>
    transitionVm(records, vm.id, died ? "vm_failed" : "pause_failed", {
      actor,
      at: ctx.clock.now(),
      ...failureOf(error),
      ...after,
    }),
  );
}
