/** VMs that start by themselves: when one ends that nobody told to, its record says when; a look at the clock starts it. */
import { FastvmError, type EndCause } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { startVm } from "./start.ts";
import type { StartVmContext } from "./start-order.ts";

const ACTOR = "restart-policy";
/** At once; the others follow with the next look. */
const MAX_AT_ONCE = 16;
/** One that ran so long did not end for what ended the one before. */
const LASTING_MS = 60_000;
/** Of the second in a row; twice as long each time, up to the last. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 5 * 60_000;
/** For room in its organisation's quota. */
const REFUSED_PAUSE_MS = 60_000;

const NO_RESTART: Pick<VmChanges, "restartAt"> = { restartAt: null };

/** `cause` undefined: it was told to end. */
export function restartAfter(
  { restartPolicy, restartCount, startedAt }: Pick<VmRecord, "restartPolicy" | "restartCount" | "startedAt">,
  cause: EndCause | undefined,
  at: number,
): Pick<VmChanges, "restartAt" | "restartCount"> {
  const isCovered = restartPolicy === "always" || (restartPolicy === "on-host-failure" && cause === "host");
  if (cause === undefined || !isCovered) return NO_RESTART;
  const count = startedAt !== null && at - startedAt >= LASTING_MS ? 0 : restartCount;
  const pauseMs = count === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), LAST_PAUSE_MS);
  return { restartAt: at + pauseMs, restartCount: count + 1 };
}

export async function restartDue(ctx: StartVmContext): Promise<void> {
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
