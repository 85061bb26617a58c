/** Snapshot: a durable capture of a VM that runs on, or a second name for the state of a paused one. */
import { rm } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import type { CaptureResult, SnapshotId, SnapshotOptions } from "@fastvm/contract";
import { linkSnapshot, openSnapshot, publishSnapshot } from "../../snapshot/folder.ts";
import { publishCapture } from "../capture/publish-capture.ts";
import { assertDiskRoom } from "../state/admission.ts";
import { asCaptureError } from "../capture/capture-error.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder, snapshotFolder } from "../state/worker-context.ts";
import type { CaptureContext } from "../capture/capture.ts";
import type { Parts } from "../state/worker-context.ts";

export async function createSnapshot(
  context: CaptureContext & Parts<"config" | "onError">,
  vm: Vm,
  snapshotId: SnapshotId,
  { reclaim = false }: SnapshotOptions = {},
): Promise<CaptureResult> {
  const startedAt = performance.now();
  await assertDiskRoom(context.config.dataDir);
  const folder = snapshotFolder(context.config, snapshotId);
  const qemu = vm.guest?.qemu;
  await step("snapshot.begun");
  try {
    if (vm.record.phase === "paused") {
      await keepPausedState(context, vm, folder);
      return { pauseMs: 0, dirtyBytes: 0, durationMs: performance.now() - startedAt };
    }
    const { captured } = await publishCapture(context, vm, folder, {
      afterwards: "continue",
      durability: "durable",
      reclaim,
    });
    return { ...captured, durationMs: performance.now() - startedAt };
  } catch (error) {
    // Also when it was published already: its record goes, and nobody would know it.
    await rm(folder, { recursive: true, force: true });
    throw await asCaptureError(error, qemu);
  }
}

async function keepPausedState(context: Parts<"config">, vm: Vm, folder: string): Promise<void> {
  const paused = await openSnapshot(pausedFolder(context.config, vm.vmId));
  if (paused === undefined) throw new FastvmError("capture_failed", "the paused state is missing");
  await publishSnapshot(folder, (partial) => linkSnapshot(paused, partial), "durable");
  await step("snapshot.linked");
}
