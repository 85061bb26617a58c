/** Pause: a durable capture, after which the VM's QEMU ends and its memory is free. */
import type { SlotHost } from "../../pool/slot.ts";
import { rm } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { step } from "@fastvm/contract";
import type { CaptureResult } from "@fastvm/contract";
import { eachInTurn } from "../../concurrency/each-in-turn.ts";
import { writeJournal } from "../../journal/journal.ts";
import { publishCapture } from "../capture/publish-capture.ts";
import { asCaptureError } from "../capture/capture-error.ts";
import { thawVolumes } from "../volumes/volume-server.ts";
import { keepConsole } from "../state/console-log.ts";
import { freeHoldings } from "../state/holdings.ts";
import type { Guest, Vm, VmRecord } from "../state/vm.ts";
import { pausedFolder } from "../state/worker-context.ts";
import type { CaptureContext } from "../capture/capture.ts";
import type { Parts } from "../state/worker-context.ts";

export type PauseContext = SlotHost & CaptureContext & Parts<"config" | "onError">;

export async function pause(context: PauseContext, vm: Vm): Promise<CaptureResult> {
  const startedAt = performance.now();
  if (vm.record.phase === "paused") return { pauseMs: 0, dirtyBytes: 0, durationMs: 0 };
  const guest = await vm.presentGuest();
  // The time to live stands still: whoever resumes the VM says what is left of it.
  const {
    process: _ended,
    volumeServer: _gone,
    buckets: _with,
    network: _left,
    deadline: _over,
    runningSinceMs: _before,
    ...rest
  } = vm.record;
  const record: VmRecord = { ...rest, phase: "paused" };
  try {
    await step("pause.begun");
    const { captured } = await publishCapture(context, vm, pausedFolder(context.config, vm.vmId), {
      afterwards: "stay stopped",
      durability: "durable",
      extra: async (partial) => {
        await keepConsole(vm, guest, partial);
        await step("pause.console-kept");
        // All of it is synced before it has its name.
        await writeJournal(partial, record, { isSynced: false });
        await step("pause.journal-written");
      },
    });
    await step("pause.published");
    // From here on it is paused, whatever becomes of what it held.
    await endGuest(context, vm, guest).catch(context.onError);
    vm.become(record);
    return { ...captured, durationMs: performance.now() - startedAt };
  } catch (error) {
    // Whoever finds a paused state of this life takes the VM for paused.
    await rm(pausedFolder(context.config, vm.vmId), { recursive: true, force: true }).catch(context.onError);
    await letRunOn(context, vm, guest);
    throw await asCaptureError(error, guest.qemu);
  }
}

/** From here on the published folder is the VM. */
async function endGuest(context: SlotHost, vm: Vm, guest: Guest): Promise<void> {
  vm.letGo();
  await guest.qemu.kill();
  await eachInTurn(
    () => step("pause.killed"),
    () => freeHoldings(context, vm),
    () => step("pause.freed"),
  );
}

async function letRunOn(context: Parts<"onError">, vm: Vm, guest: Guest): Promise<void> {
  await guest.qemu.qmp.execute("cont").catch(() => undefined);
  await thawVolumes(vm).catch(context.onError);
  guest.link.current?.release();
}
