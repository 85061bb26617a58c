/**
 * Takes over VMs whose QEMU outlived their daemon. A QEMU that lives is a VM that runs, however silent its guest
 * or its monitor: both are asked in the background for as long as it lives, and nobody else waits for them.
 */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";
import { endStream } from "../disk/chain.ts";
import { isErrno } from "../files/errno.ts";
import { pagesOf } from "../memory/mapping.ts";
import { findVmMemory } from "../memory/vm-memory.ts";
import { isAlive, killAndWait } from "../processes/proc.ts";
import { QemuProcess } from "../qemu/qemu-process.ts";
import { QmpError } from "../qemu/qmp-error.ts";
import { bringTrustToAdopted } from "../vm/guest/bring-trust.ts";
import { deleteVm } from "../vm/transitions/delete-vm.ts";
import { dueDeadline } from "../vm/transitions/expire.ts";
import { endedWhileAway, mayLackWrites } from "./ended-while-away.ts";
import { settleEnded } from "../vm/transitions/guest-lost.ts";
import type { Ending } from "../vm/transitions/put-to-rest.ts";
import { freeHoldings } from "../vm/state/holdings.ts";
import { keepLink } from "../vm/guest/open-link.ts";
import { freezeBelowTop, settleChain } from "../vm/capture/settle-chain.ts";
import { readExit } from "../qemu/exit-record.ts";
import { isStrict } from "../vm/state/durability.ts";
import { isAtRest } from "../vm/state/folder-of.ts";
import type { Vm } from "../vm/state/vm.ts";
import {
  countVolumesOf,
  thawVolumes,
  watchVolumeServer,
  type VolumeServerContext,
} from "../vm/volumes/volume-server.ts";
import { watchBuckets } from "../vm/guest/watch-buckets.ts";
import { watchGuest } from "../vm/guest/watch-guest.ts";
import { pausedFolder, stoppedFolder } from "../vm/state/worker-context.ts";
import type { SlotHost } from "../pool/slot.ts";
import type { Parts } from "../vm/state/worker-context.ts";

export type AdoptContext = SlotHost &
  Parts<"config" | "emit" | "ending" | "intercepted" | "onError" | "onGuestLost" | "trust" | "volumes">;

/** Between attempts to reach a monitor that keeps silent. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;

/** A VM whose journal says that it runs. */
export interface FoundVm {
  readonly vm: Vm;
  /** When a captured state of it exists, too: as the VM that it is then. */
  readonly paused: Vm | undefined;
}

/** Decides what a VM is by what cannot keep silent: its process and its journals. Whether it runs, and is to be adopted. */
export async function settleFound(
  context: SlotHost & Parts<"config" | "forward" | "onError" | "unreadable" | "vms" | "volumes">,
  found: FoundVm,
): Promise<boolean> {
  const { vm, paused } = found;
  const { uid, generation, process } = vm.record;
  context.uids.reserve(uid);
  if (vm.record.volumeServer !== undefined) context.uids.reserve(vm.record.volumeServer.uid);
  const lives = process !== undefined && (await isAlive(process));
  try {
    // A resume begins another generation. A captured state of the same one is a pause
    // that was published: all that is missing is the end of the guest.
    if (
      paused !== undefined &&
      (lives ? paused.record.generation === generation : !(await isPast(paused, vm)))
    ) {
      await finishPause(context, vm, paused);
    } else if (!lives && dueDeadline(vm)?.action === "delete") {
      // A daemon was ended while it deleted it; and if it was not, it is time now.
      await deleteVm(context, vm);
    } else if (!lives) {
      await settleEnded(context, vm, await endedWhileAway(context, vm));
      // Where its disk could not be put there, this may be all that there is of it.
      if (paused !== undefined && isAtRest(vm.record))
        await rm(pausedFolder(context.config, vm.vmId), { recursive: true, force: true });
    } else {
      await findMemory(vm).catch(context.onError);
      countVolumesOf(context, vm);
      // Whoever wanted it stopped has no answer, and may ask again.
      const { stops: _over, ...record } = vm.record;
      vm.become(record);
      vm.awaitGuest(keepLink(vm, context.forward));
      // What it was brought up from, and is no more.
      for (const folder of [pausedFolder, stoppedFolder])
        await rm(folder(context.config, vm.vmId), { recursive: true, force: true });
    }
  } catch (error) {
    // One that cannot be cleared away must not keep the others, and the daemon, from coming up.
    context.onError(error);
  }
  return vm.isAwaited;
}

/**
 * Whether a captured state is what a VM was resumed from whose disk has what it wrote since: a strict one's, as far as its guest has synced
 * it, and that of one whose QEMU ended by itself. Of another, whose host may have gone down under it, the state is the better of the two.
 */
async function isPast(paused: Vm, vm: Vm): Promise<boolean> {
  if (paused.record.generation >= vm.record.generation) return false;
  if (isStrict(vm.record)) return true;
  if (await mayLackWrites(vm)) return false;
  const exit = await readExit(vm.folder);
  return exit?.kind === "exit" && exit.number === 0;
}

/** One whose map cannot be read runs all the same; what it has mapped then is not what is known, and captures say so. */
async function findMemory(vm: Vm): Promise<void> {
  vm.memory = await findVmMemory(vm.folder, pagesOf(vm.record.machine.memoryMib));
}

async function finishPause(context: SlotHost & Parts<"vms">, vm: Vm, paused: Vm): Promise<void> {
  context.vms.set(vm.vmId, paused);
  if (vm.record.process !== undefined) await killAndWait(vm.record.process);
  await freeHoldings(context, vm);
}

/** Resolves after the first attempt; when its monitor kept silent, others follow for as long as its QEMU lives. */
export async function adoptVm(context: AdoptContext, vm: Vm): Promise<void> {
  if (!(await tryToAdopt(context, vm, context.onError))) void keepTrying(context, vm);
}

async function keepTrying(context: AdoptContext, vm: Vm): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    await sleep(pauseMs, undefined, { ref: false });
    // The first failure was told.
    if (await tryToAdopt(context, vm, () => undefined)) return;
  }
}

/** Whether it came to an end, good or bad. */
async function tryToAdopt(context: AdoptContext, vm: Vm, report: (error: unknown) => void): Promise<boolean> {
  const { process } = vm.record;
  if (!vm.isAwaited || process === undefined) return true;
  try {
    await reachMonitor(context, vm, await QemuProcess.adopt(process, vm.folder));
    return true;
  } catch (error) {
    if (vm.isAwaited && (await isAlive(process))) {
      report(new Error(`The monitor of VM ${vm.vmId} cannot be used yet`, { cause: error }));
      return false;
    }
    await vm.transitions.run(() => lose(context, vm)).catch(context.onError);
    return true;
  }
}

async function reachMonitor(
  context: VolumeServerContext & Parts<"intercepted" | "onGuestLost" | "trust">,
  vm: Vm,
  qemu: QemuProcess,
): Promise<void> {
  const { qmp } = qemu;
  try {
    // The daemon that waited for a compaction is gone; the layers it would have dropped stay in the chain until the next one.
    await endStream(qmp);
    await settleChain(vm, qemu).catch((error: unknown) => {
      // What it settled is true without the journal, too.
      if (!isErrno(error, "ENOSPC", "EDQUOT")) throw error;
      context.onError(error);
    });
    // Also what was recorded: the daemon may have ended just before this.
    await freezeBelowTop(vm.folder, vm.record.chain);
    // A capture was cut short inside its pause, or there was no room for what the guest wrote. In any other state QEMU refuses.
    await qmp.execute("cont").catch((error: unknown) => {
      if (!(error instanceof QmpError)) throw error;
      context.onError(error);
    });
  } catch (error) {
    qmp.close();
    throw error;
  }
  await thawVolumes(vm).catch(context.onError);
  const link = vm.awaitedLink;
  if (link === undefined) return qmp.close();
  vm.setGuest({ qemu, link });
  watchGuest(context, vm, { mayBeStopped: true });
  watchVolumeServer(context, vm);
  watchBuckets(context, vm);
  void bringTrustToAdopted(context, vm);
}

async function lose(context: SlotHost & Parts<"config" | "emit" | "onError">, vm: Vm): Promise<void> {
  if (!vm.isAwaited) return;
  const ending: Ending = await endedWhileAway(context, vm);
  vm.letGo(new FastvmError("vm_died", ending.reason));
  context.emit(await settleEnded(context, vm, ending));
}
