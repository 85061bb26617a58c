/** Pauses or deletes VMs whose time to live is over, as their owner would. */
import { pauseVm } from "./pause.ts";
import { deleteVm } from "./delete.ts";
import type { LifecycleContext } from "./context.ts";
import type { VmRecord } from "../store/vm-repository.ts";

const TTL_ACTOR = "ttl";

/** At once; the others follow with the next look. */
const MAX_EXPIRED_AT_ONCE = 16;

export async function expireVms(ctx: LifecycleContext): Promise<void> {
  const expired = await ctx.store.vms.listExpired(ctx.clock.now(), MAX_EXPIRED_AT_ONCE);
  await Promise.all(expired.map((vm) => expire(ctx, vm)));
}

async function expire(ctx: LifecycleContext, vm: VmRecord): Promise<void> {
  try {
    if (vm.ttlAction === "delete") await deleteVm(ctx, vm, TTL_ACTOR);
    else await pauseVm(ctx, vm, TTL_ACTOR);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM whose time is over could not be paused or deleted");
  }
}
