/** VMs that start by themselves: their records say when (`restart-after.ts`); a look at the clock starts them. */
import { FastvmError } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { startVm } from "./start.ts";
import type { StartVmContext } from "./start-order.ts";

const ACTOR = "restart-policy";
/** At once; the others follow with the next look. */
const MAX_AT_ONCE = 16;
/** For room in its organisation's quota. */
const REFUSED_PAUSE_MS = 60_000;

export async function restartDue(ctx: StartVmContext & Parts<"shutdown">): Promise<void> {
  if (ctx.shutdown.hasBegun) return;
  const due = await ctx.store.vms.listToRestart(ctx.clock.now(), MAX_AT_ONCE);
  await Promise.all(due.map((vm) => restart(ctx, vm)));
}

async function restart(ctx: StartVmContext & Parts<"log">, vm: VmRecord): Promise<void> {
  try {
    await startVm(ctx, vm, {}, ACTOR);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM that starts by itself could not be started");
    // Its disk is gone, or it is something else by now.
    const isHopeless = error instanceof FastvmError && error.code === "vm_wrong_state";
    await postpone(ctx, vm, isHopeless ? null : ctx.clock.now() + REFUSED_PAUSE_MS);
  }
}

/** Unless it was told something meanwhile. */
async function postpone(ctx: Parts<"store">, vm: VmRecord, restartAt: number | null): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    if (now?.restartAt !== vm.restartAt) return;
    await records.vms.update(vm.id, { restartAt });
  });
}
