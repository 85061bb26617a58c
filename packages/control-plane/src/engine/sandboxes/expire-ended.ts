/** The end of ephemeral sandboxes: one that has stopped or failed, by whatever, goes with all that is in it. */
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";

const ACTOR = "ephemeral";

/** At once; the others follow with the next look. */
const MAX_AT_ONCE = 16;

export async function expireEnded(ctx: DeleteVmContext & Parts<"config" | "log">): Promise<void> {
  const before = ctx.clock.now() - ctx.config.keepEndedMs;
  const ended = await ctx.store.vms.listEndedSandboxes(before, MAX_AT_ONCE);
  await Promise.all(
    ended.map(async (vm) => {
      try {
        await deleteVm(ctx, vm, ACTOR);
      } catch (error) {
        ctx.log.warn({ err: error, vmId: vm.id }, "an ephemeral sandbox that ended could not be deleted");
      }
    }),
  );
}
