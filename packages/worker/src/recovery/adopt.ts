/** Takes over a VM whose QEMU outlived its daemon, or says why it is lost. */
import { rm } from "node:fs/promises";
import { cancelStream } from "../disk/chain.ts";
import { killAndWait } from "../processes/proc.ts";
import { QemuProcess } from "../qemu/qemu-process.ts";
import { keepAsFailed } from "../vm/keep-as-failed.ts";
import { freeHoldings } from "../vm/holdings.ts";
import { openLink } from "../vm/open-link.ts";
import { freezeBelowTop, settleChain } from "../vm/settle-chain.ts";
import type { Vm } from "../vm/vm.ts";
import { watchGuest } from "../vm/watch-guest.ts";
import { pausedFolder } from "../vm/worker-context.ts";
import type { WorkerContext } from "../vm/worker-context.ts";

/** A guest that idles answers in a millisecond; one that computes on all its vCPUs, in a second. */
const LINK_DEADLINE_MS = 15_000;

/**
 * `paused` is given when a captured state of this VM exists, too: the daemon ended between publishing a pause and ending its QEMU, or between a
 * resume and dropping the state it came from. The guest tells which: only the first leaves it stopped.
 */
export async function adoptVm(context: WorkerContext, vm: Vm, paused: Vm | undefined): Promise<void> {
  context.uids.reserve(vm.record.uid);
  try {
    const qemu = await findQemu(vm);
    const stopped = await isStopped(qemu);
    if (stopped && paused !== undefined) {
      await finishPause(context, vm, qemu, paused);
      return;
    }
    await takeOver(context, vm, qemu);
    await rm(pausedFolder(context.config, vm.vmId), { recursive: true, force: true });
  } catch (error) {
    if (paused !== undefined) await finishPause(context, vm, undefined, paused);
    else await giveUp(context, vm, error);
  }
}

async function findQemu(vm: Vm): Promise<QemuProcess> {
  if (vm.record.process === undefined) throw new Error("its journal names no process");
  return await QemuProcess.adopt(vm.record.process, vm.folder);
}

async function isStopped(qemu: QemuProcess): Promise<boolean> {
  const { running } = (await qemu.qmp.execute("query-status")) as { running: boolean };
  return !running;
}

async function takeOver(context: WorkerContext, vm: Vm, qemu: QemuProcess): Promise<void> {
  // The daemon that waited for a compaction is gone; the layers it would have dropped stay in the chain until the next one.
  await cancelStream(qemu.qmp);
  await settleChain(vm, qemu);
  // Also what was recorded: the daemon may have ended just before this.
  await freezeBelowTop(vm.folder, vm.record.chain);
  // A capture was cut short inside its pause.
  await qemu.qmp.execute("cont");
  const link = await openLink(vm, context.forward, LINK_DEADLINE_MS);
  vm.setGuest({ qemu, link });
  watchGuest(context, vm);
}

async function finishPause(
  context: WorkerContext,
  vm: Vm,
  qemu: QemuProcess | undefined,
  paused: Vm,
): Promise<void> {
  await qemu?.kill();
  await endProcess(vm);
  await freeHoldings(context, vm);
  context.vms.set(vm.vmId, paused);
}

async function giveUp(context: WorkerContext, vm: Vm, error: unknown): Promise<void> {
  const detail = error instanceof Error ? error.message : String(error);
  await endProcess(vm);
  await keepAsFailed(context, vm, `Lost over a restart of the daemon: ${detail}`);
}

async function endProcess(vm: Vm): Promise<void> {
  if (vm.record.process !== undefined) await killAndWait(vm.record.process);
}
