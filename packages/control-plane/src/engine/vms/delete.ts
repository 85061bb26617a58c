/** Delete: accepted in every state; when it resolves, the VM and its row are gone. */
import { FastvmError, step } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { reasonOf } from "../failure.ts";
import { recordDurability } from "./record-durability.ts";
import { recordVmEvent, transitionVm } from "../states/transition-vm.ts";

const AT_REST: readonly VmRecord["status"][] = ["paused", "stopped", "error"];

export type DeleteVmContext = Parts<
  "clock" | "inflight" | "lendRoom" | "queue" | "reconciler" | "staging" | "store" | "worker"
>;

interface DeleteOptions {
  readonly reason?: string;
  /** Asked as it begins, of the record that nobody else changes then: whoever deletes unasked may have been overtaken. */
  readonly isStillMeant?: (now: VmRecord) => boolean;
}

/** When the worker fails, the row stays `deleting`: a repeated delete or the reconciler finishes it. */
export async function deleteVm(
  ctx: DeleteVmContext,
  vm: VmRecord,
  actor: string,
  options: DeleteOptions = {},
): Promise<void> {
  await ctx.inflight.hold(vm.id, () => deleteHeld(ctx, vm, actor, options));
}

async function deleteHeld(
  ctx: Parts<"clock" | "lendRoom" | "queue" | "reconciler" | "staging" | "store" | "worker">,
  vm: VmRecord,
  actor: string,
  { reason, isStillMeant }: DeleteOptions,
): Promise<void> {
  const isMeant = await unlessDiskIsFull(
    ctx.store.transaction(
      async (records) => {
        if (isStillMeant !== undefined) {
          const now = await records.vms.lock(vm.id);
          if (now !== undefined && !isStillMeant(now)) return false;
        }
        const changes = { queuedAt: null };
        await transitionVm(records, vm.id, "delete_started", { actor, at: ctx.clock.now(), reason, changes });
        return true;
      },
      // Half of what was at rest would be listed as all of it, if nobody knew that it was to go.
      AT_REST.includes(vm.status) ? "power" : recordDurability(vm),
    ),
  );
  if (isMeant === false) return;
  try {
    await step("control.delete.recorded");
    await ctx.worker.deleteVm(vm.id);
    await step("control.delete.answered");
    await ctx.staging.deleteOf(vm.id);
  } catch (error) {
    await unlessDiskIsFull(
      ctx.store.vms.update(vm.id, { statusReason: `The deletion failed: ${reasonOf(error)}` }),
    );
    throw error;
  }
  // It may have freed nothing, as of a VM whose disk a snapshot shares, or a guest that waited for room was faster.
  await ctx.reconciler.settle(vm.id, () => ctx.lendRoom(() => forget(ctx, vm, actor, reason)));
  await step("control.delete.settled");
  ctx.queue.wake();
}

function forget(
  ctx: Parts<"clock" | "store">,
  vm: VmRecord,
  actor: string,
  reason: string | undefined,
): Promise<void> {
  return ctx.store.transaction(async (records) => {
    const gone = await records.vms.remove(vm.id);
    if (gone === undefined) return;
    await recordVmEvent(records, gone, gone.status, null, "deleted", { actor, at: ctx.clock.now(), reason });
  });
}

/** A delete goes on without its note that it has begun: it is what frees room, and its end is recorded when it has. */
export async function unlessDiskIsFull<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (!(error instanceof FastvmError && error.code === "out_of_disk")) throw error;
    return undefined;
  }
}
