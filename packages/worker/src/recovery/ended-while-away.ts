/** How a VM's QEMU ended that no daemon listened to: its supervisor wrote down its status, and QEMU itself what had asked it to. */
import { readLogs } from "../vm/state/console-log.ts";
import { explainEnd } from "../vm/state/explain-end.ts";
import { isStrict } from "../vm/state/durability.ts";
import type { Vm } from "../vm/state/vm.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { isOfThisBoot } from "../processes/proc.ts";
import { readExit, type QemuExit } from "../qemu/exit-record.ts";
import { lost, orderly, POWERED_OFF, TOLD_TO_END } from "../vm/transitions/guest-lost.ts";
import type { Ending } from "../vm/transitions/put-to-rest.ts";

/** Its last words then. */
const TERMINATING = /terminating on signal \d+/;

export async function endedWhileAway(context: Parts<"cgroups">, vm: Vm): Promise<Ending> {
  const exit = await readExit(vm.folder);
  // Also one that was being stopped: its disk was not settled yet.
  if (exit === undefined) return lostWithHost(vm);
  const ending = await endedBy(context, vm, exit);
  return (await mayLackWrites(vm)) ? { ...ending, unchecked: true } : ending;
}

async function endedBy(context: Parts<"cgroups">, vm: Vm, exit: QemuExit): Promise<Ending> {
  if (vm.record.stops === true) return { phase: "stopped", reason: "Stopped over a restart of the daemon" };
  const isClean = exit.kind === "exit" && exit.number === 0;
  const ending = isClean ? orderly(vm, await whyClean(vm)) : undefined;
  return ending ?? lost(`Lost over a restart of the daemon: ${await explainEnd(context, vm)}`);
}

/** The host has gone down since, and may have done so before it wrote what a QEMU had left with it that passes no flushes on. */
export async function mayLackWrites({ record }: Vm): Promise<boolean> {
  return !isStrict(record) && record.process !== undefined && !(await isOfThisBoot(record.process));
}

/** Its supervisor has written nothing, so it ended with it: the host lost power, or all there was on it was killed. */
function lostWithHost(vm: Vm): Ending {
  const lostPower = "Its host went down under it, as by a power cut";
  if (isStrict(vm.record))
    return { phase: "stopped", reason: `${lostPower}; what it had flushed is there`, cause: "host" };
  const reason = `${lostPower}, and its disk had ignored flushes: it starts after a check, or by force`;
  return { phase: "error", reason, cause: "host", unchecked: true };
}

/** A guest that rebooted meanwhile has come no further than to power off. */
async function whyClean({ folder }: Vm): Promise<string> {
  const { hypervisor } = await readLogs(folder);
  return TERMINATING.test(Buffer.from(hypervisor).toString("latin1")) ? TOLD_TO_END : POWERED_OFF;
}
