/** A VM's end with its host: its guest powers off, and it may start by itself when the host is there again. */
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { stopVm } from "../vms/stop.ts";

export type StopWithHostContext = DeleteVmContext & Parts<"config">;

const REASON = "Stopped: its host shut down";

/** What does not run is left as it is: a paused VM is whole, and one that waits for room waits on. `undefined`: it is gone. */
export async function stopWithHost(
  ctx: StopWithHostContext,
  { id }: VmRecord,
  actor: string,
): Promise<VmRecord | undefined> {
  // Whatever is on its way gets there first.
  await ctx.inflight.settled(id);
  const vm = await ctx.store.vms.get(id);
  if (vm?.status !== "running") return vm;
  // One of a pool is nobody's, and another takes its place.
  if (vm.poolId !== null) await deleteVm(ctx, vm, actor, { reason: REASON });
  else await stopVm(ctx, vm, { reason: REASON, cause: "host" }, actor);
  // It may take longer than an answer.
  await ctx.inflight.settled(id);
  return ctx.store.vms.get(id);
}
