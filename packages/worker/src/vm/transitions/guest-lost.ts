/**
 * A QEMU that ended unasked. When its guest powered off the VM is stopped, when it rebooted it is to be started again; otherwise QEMU has
 * failed, and the VM is `error`. Either way its disk is kept, and what else it held is freed.
 */
import { FastvmError, step } from "@fastvm/contract";
import type { WorkerEvent } from "@fastvm/contract";
import { explainEnd } from "../state/explain-end.ts";
import { networkOf } from "../state/holdings.ts";
import { putToRest } from "./put-to-rest.ts";
import type { Ending } from "./put-to-rest.ts";
import type { Guest, Vm } from "../state/vm.ts";
import type { SlotHost } from "../../pool/slot.ts";
import type { Parts } from "../state/worker-context.ts";

/** QEMU's words for what its guest did, and for a signal that asks it to end, as a host sends that shuts down. */
export const POWERED_OFF = "guest-shutdown";
const REBOOTED = "guest-reset";
export const TOLD_TO_END = "host-signal";

/** A guest that reboots so soon after its start, so often, does nothing else: its kernel panics, or its init does. */
const SOON_MS = 5_000;
const MAX_SOON = 10;

type LostContext = SlotHost & Parts<"config" | "onError">;

export async function settleLostGuest(
  context: LostContext,
  vm: Vm,
  guest: Guest,
  shutdown: string | undefined,
): Promise<WorkerEvent | undefined> {
  if (vm.guest?.qemu !== guest.qemu) return undefined;
  const ending = orderly(vm, shutdown) ?? lost(await explainEnd(context, vm));
  await step("failed.explained");
  vm.letGo(new FastvmError("vm_died", ending.reason));
  await guest.qemu.kill();
  await step("failed.killed");
  return await settleEnded(context, vm, ending);
}

/** Call when its process has ended. */
export async function settleEnded(context: LostContext, vm: Vm, ending: Ending): Promise<WorkerEvent> {
  const { vmId } = vm;
  const { phase, reason, restarts = false, cause } = ending;
  try {
    await putToRest(context, vm, ending);
    if (phase === "stopped") return { kind: "vm_stopped", vmId, reason, restarts, ...(cause && { cause }) };
  } catch (error) {
    context.onError(error);
    await leaveWhereItIs(context, vm, reason);
  }
  return { kind: "vm_failed", vmId, reason };
}

/** By a fault of the host's its disk is where it was: the next daemon tries again. */
async function leaveWhereItIs(context: LostContext, vm: Vm, reason: string): Promise<void> {
  const network = networkOf(context, vm);
  const { process: _ended, network: _left, hasDisk: _not, ...rest } = vm.record;
  vm.become({ ...rest, phase: "error", reason });
  await context.cgroups.remove(rest.slot).catch(context.onError);
  if (network !== undefined) await context.network?.release(network).catch(context.onError);
}

export function lost(reason: string): Ending {
  return { phase: "error", reason, cause: "host" };
}

/** `undefined` of what is no orderly end. */
export function orderly(vm: Vm, shutdown: string | undefined): Ending | undefined {
  if (shutdown === POWERED_OFF) return { phase: "stopped", reason: "The guest powered off", cause: "guest" };
  if (shutdown === TOLD_TO_END)
    return {
      phase: "stopped",
      reason: "Its QEMU was told to end, as by a host that shuts down",
      cause: "host",
    };
  if (shutdown !== REBOOTED) return undefined;
  const soon = countSoon(vm);
  vm.become({ ...vm.record, soonReboots: soon });
  if (soon < MAX_SOON) return { phase: "stopped", reason: "The guest rebooted", restarts: true };
  return {
    phase: "stopped",
    reason: `The guest rebooted ${MAX_SOON} times within ${SOON_MS / 1000} s of its start`,
  };
}

function countSoon({ record: { runningSinceMs = 0, soonReboots = 0 } }: Vm): number {
  return Date.now() - runningSinceMs < SOON_MS ? soonReboots + 1 : 0;
}
