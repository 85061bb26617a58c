/** The end of VMs that nobody uses: one that runs for too long unused, and one that is paused for too long. */
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "./delete.ts";
import { pauseVm } from "./pause.ts";

const IDLE_ACTOR = "idle";

/** At once; the others follow with the next look. */
const MAX_IDLE_AT_ONCE = 16;

export async function expireIdle(ctx: DeleteVmContext & Parts<"activity" | "log">): Promise<void> {
  // First: the records must not say that somebody is idle who is not.
  await ctx.activity.writeDown();
  const now = ctx.clock.now();
  const idle = await ctx.store.vms.listIdle(now, MAX_IDLE_AT_ONCE);
  const forgotten = await ctx.store.vms.listPausedTooLong(now, MAX_IDLE_AT_ONCE);
  await Promise.all([
    ...idle.map((vm) => end(ctx, vm, actionOf(vm))),
    ...forgotten.map((vm) => end(ctx, vm, "delete")),
  ]);
}

/** As the end of its time to live; one that has none is kept. */
function actionOf({ ephemeral, ttlAction }: VmRecord): "delete" | "pause" {
  return ephemeral ? "delete" : (ttlAction ?? "pause");
}

async function end(
  ctx: DeleteVmContext & Parts<"log">,
  vm: VmRecord,
  action: "delete" | "pause",
): Promise<void> {
  try {
    if (action === "delete") await deleteVm(ctx, vm, IDLE_ACTOR);
    else await pauseVm(ctx, vm, IDLE_ACTOR);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM that nobody uses could not be paused or deleted");
  }
}
