/** Stop: the guest is asked to power off, and after its grace the power goes. Its disk is kept, and nothing else. */
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_STOP_GRACE_SEC, FastvmError, step } from "@fastvm/contract";
import type { StopOptions, StopResult } from "@fastvm/contract";
import { NO_SETTING, startExec } from "../../exec/start-exec.ts";
import { killAndWait } from "../../processes/proc.ts";
import type { SlotHost } from "../../pool/slot.ts";
import { keepConsole } from "../state/console-log.ts";
import type { Guest, Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";
import { putToRest } from "./put-to-rest.ts";

const DEFAULT_GRACE_MS = DEFAULT_STOP_GRACE_SEC * 1000;
/** QEMU writes out what it holds of the disk's tables. One that does not is ended. */
const QUIT_MS = 10_000;

/**
 * Whatever is process 1: systemd, whose bus may be down; one with a command for it; the agent's own. A container's image has no more than a
 * shell, and that from us.
 */
const POWER_OFF = `
if [ -d /run/systemd/system ]; then systemctl --no-wall poweroff || kill -s RTMIN+4 1; exit; fi
poweroff 2>/dev/null || kill -s TERM 1
`;

const BY_ITSELF = "Stopped: its guest powered off";

export async function stop(
  context: SlotHost & Parts<"config" | "onError">,
  vm: Vm,
  { graceMs = DEFAULT_GRACE_MS }: StopOptions,
): Promise<StopResult> {
  if (vm.record.phase === "stopped") {
    await forgetRestart(vm);
    return { reason: vm.record.reason ?? BY_ITSELF, isForced: false };
  }
  vm.requireRunning();
  const guest = await presentGuest(vm);
  await step("stop.begun");
  // A daemon after this one is to know why its QEMU has ended.
  await vm.update({ stops: true }).catch(context.onError);
  await step("stop.recorded");
  const isForced = guest === undefined || !(await endsByItself(guest, graceMs));
  if (guest !== undefined && isForced) await pullPlug(vm, guest);
  await step("stop.ended");
  const { process } = vm.record;
  vm.letGo(new FastvmError("vm_died", "it was stopped"));
  await guest?.qemu.kill();
  if (process !== undefined) await killAndWait(process);
  await step("stop.killed");
  const reason = isForced ? forcedReason(graceMs) : BY_ITSELF;
  await putToRest(context, vm, { phase: "stopped", reason });
  return { reason, isForced };
}

function forcedReason(graceMs: number): string {
  if (graceMs === 0) return "Stopped by force";
  return `Stopped by force: its guest did not power off within ${graceMs / 1000} s`;
}

/** One that was to be started again is not. */
async function forgetRestart(vm: Vm): Promise<void> {
  if (vm.record.restarts !== true) return;
  const { restarts: _not, ...record } = vm.record;
  vm.become(record);
}

/** A QEMU that keeps silent is stopped as well, if only by force. */
async function presentGuest(vm: Vm): Promise<Guest | undefined> {
  try {
    return await vm.presentGuest();
  } catch (error) {
    if (!vm.isAwaited) throw error;
    return undefined;
  }
}

/** Whether it did within its grace. */
async function endsByItself(guest: Guest, graceMs: number): Promise<boolean> {
  if (graceMs === 0) return false;
  const over = new AbortController();
  const ended = guest.qemu.qmp.closed.then(() => true);
  const isLate = sleep(graceMs, false, { signal: over.signal }).catch(() => false);
  void askToPowerOff(guest, graceMs).catch(() => undefined);
  try {
    return await Promise.race([ended, isLate]);
  } finally {
    over.abort();
  }
}

/** Whoever is asked ends in the middle of his answer. */
async function askToPowerOff({ link }: Guest, graceMs: number): Promise<void> {
  const spec = { command: ["sh", "-c", POWER_OFF], timeoutMs: graceMs };
  for await (const event of startExec(await link.get({ deadlineMs: graceMs }), spec, NO_SETTING)) void event;
}

/** What the guest has written is with the host then; what it still held back is lost, as by a power cut. */
async function pullPlug(vm: Vm, guest: Guest): Promise<void> {
  const { qmp } = guest.qemu;
  await keepConsole(vm, guest, vm.folder).catch(() => undefined);
  const quits = qmp.execute("quit").then(
    () => qmp.closed,
    () => qmp.closed,
  );
  const over = new AbortController();
  const isLate = sleep(QUIT_MS, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([quits, isLate]);
  over.abort();
}
