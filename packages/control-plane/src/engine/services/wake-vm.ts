/** A request for a service of a VM that does not run: the VM is resumed if its owner lets requests do that. */
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, type VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { resumeVm } from "../vms/resume.ts";
import { wrongState } from "../states/wrong-state.ts";
import type { StartVmContext } from "../vms/start-order.ts";

const PROXY_ACTOR = "proxy";

/** How often a VM is looked at that waits for room, or that another process resumes. */
const LOOK_EVERY_MS = 100;

/** Resolves when the VM runs. Rejects when it cannot, or with the signal's reason at the next look; a resume goes on. */
export async function wakeVm(
  ctx: StartVmContext,
  vmId: VmId,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const vm = await stillThere(ctx, vmId);
    if (vm.status === "running") return;
    if (vm.status === "paused") {
      if (!vm.autoResume) throw wrongState(vm, "requests do not wake it");
      const resumed = await unlessDeleted(ctx, vmId, resume(ctx, vm), signal);
      if (resumed.status === "running") return;
    } else if (vm.status !== "pausing" && vm.status !== "resuming") {
      throw wrongState(vm, "only a paused VM can be woken");
    } else {
      const joined = ctx.inflight.join(vmId, vm.status === "pausing" ? "pause" : "resume");
      if (await unlessDeleted(ctx, vmId, joined, signal)) continue;
    }
    await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** A delete is soon in the record, and may wait for long until what is under way has ended. */
async function unlessDeleted<T>(
  ctx: Parts<"store">,
  vmId: VmId,
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const ended = work.then(() => true);
  while (!(await Promise.race([ended, sleep(LOOK_EVERY_MS, false)]))) {
    signal?.throwIfAborted();
    await stillThere(ctx, vmId);
  }
  return work;
}

/** Throws `not_found` where it failed because the VM goes. */
async function resume(ctx: StartVmContext, vm: VmRecord): Promise<VmRecord> {
  try {
    return await resumeVm(ctx, vm, PROXY_ACTOR);
  } catch (error) {
    await stillThere(ctx, vm.id);
    throw error;
  }
}

async function stillThere(ctx: Parts<"store">, vmId: VmId): Promise<VmRecord> {
  const vm = await ctx.store.vms.get(vmId);
  if (vm !== undefined && vm.status !== "deleting") return vm;
  throw new FastvmError("not_found", "the VM was deleted meanwhile");
}
