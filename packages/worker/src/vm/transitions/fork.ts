/** Fork: one capture, many children, no snapshot left behind. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import type { CaptureResult, ForkChild, ForkResult, VmId } from "@fastvm/contract";
import { eachInTurn } from "../../concurrency/each-in-turn.ts";
import { makeClosedFolder } from "../../files/closed-folder.ts";
import { linkSnapshot, openSnapshot, publishSnapshot } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { publishCapture } from "../capture/publish-capture.ts";
import type { Captured, CaptureContext } from "../capture/capture.ts";
import { asCaptureError } from "../capture/capture-error.ts";
import { deleteVm } from "./delete-vm.ts";
import { publicAddress } from "../state/holdings.ts";
import { restore } from "../restore/restore.ts";
import type { RestoreContext } from "../restore/restore.ts";
import type { Vm } from "../state/vm.ts";
import { forksFolder, pausedFolder, vmFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

interface Source extends AsyncDisposable {
  readonly snapshot: Snapshot;
  readonly capture: CaptureResult;
}

/**
 * The source's other transitions wait for the capture only, not for the children. A child
 * whose signal is aborted fails, and leaves nothing behind.
 */
export async function fork(
  context: RestoreContext & Parts<"admission" | "config" | "unreadable" | "vms">,
  vm: Vm,
  children: readonly ForkChild[],
  signalOf: (vmId: VmId) => AbortSignal | undefined = () => undefined,
): Promise<ForkResult> {
  using _room = await context.admission.admit(children.length);
  await step("fork.begun");
  await using source = await vm.transitions.run(() => captureSource(context, vm));
  await step("fork.captured");
  const outcomes = await Promise.all(
    children.map((child) => startChild(context, source.snapshot, child, signalOf(child.vmId))),
  );
  return { capture: source.capture, children: outcomes };
}

async function captureSource(context: CaptureContext & Parts<"config" | "onError">, vm: Vm): Promise<Source> {
  const startedAt = performance.now();
  const folder = join(forksFolder(context.config), randomUUID());
  await makeClosedFolder(forksFolder(context.config));
  const qemu = vm.guest?.qemu;
  try {
    const { snapshot, captured } =
      vm.record.phase === "paused"
        ? await linkPausedState(context, vm, folder)
        : await publishCapture(context, vm, folder, {
            afterwards: "continue",
            durability: "volatile",
          });
    return {
      snapshot,
      capture: { ...captured, durationMs: performance.now() - startedAt },
      [Symbol.asyncDispose]: () => removeState(context, folder),
    };
  } catch (error) {
    throw await asCaptureError(error, qemu);
  }
}

/** Whatever cannot be cleared away, the children run, and their fork has not failed. The next start empties the folder of forks. */
async function removeState(context: Parts<"onError">, folder: string): Promise<void> {
  await eachInTurn(
    () => step("fork.children-settled"),
    async () => {
      await rm(folder, { recursive: true, force: true });
      await step("fork.state-removed");
    },
  ).catch(context.onError);
}

/** A folder of the fork's own, so that the VM may be resumed or deleted while its children start. */
async function linkPausedState(
  context: Parts<"config">,
  vm: Vm,
  folder: string,
): Promise<{ snapshot: Snapshot; captured: Captured }> {
  const paused = await openSnapshot(pausedFolder(context.config, vm.vmId));
  if (paused === undefined) throw new FastvmError("capture_failed", "the paused state is missing");
  const snapshot = await publishSnapshot(folder, (partial) => linkSnapshot(paused, partial), "volatile");
  return { snapshot, captured: { pauseMs: 0, dirtyBytes: 0 } };
}

async function startChild(
  context: RestoreContext & Parts<"config" | "unreadable" | "vms">,
  snapshot: Snapshot,
  child: ForkChild,
  signal: AbortSignal | undefined,
): Promise<ForkResult["children"][number]> {
  const startedAt = performance.now();
  try {
    const { vm, fromPool } = await restore(context, snapshot, {
      vmId: child.vmId,
      life: "first",
      identity: child.identity,
      ttl: child.ttl,
      policy: child.network,
      generation: child.generation,
      volumes: child.volumes,
      durability: child.durability,
      diskGib: snapshot.manifest.diskGib,
      folder: vmFolder(context.config, child.vmId),
      signal,
    });
    // First: a VM that runs is never one that nobody knows.
    context.vms.set(child.vmId, vm);
    await step("fork.child-restored");
    const launch = { durationMs: performance.now() - startedAt, fromPool, ...publicAddress(context, vm) };
    return { vmId: child.vmId, ok: true, launch };
  } catch (error) {
    const restored = context.vms.get(child.vmId);
    if (restored !== undefined) await deleteVm(context, restored).catch(context.onError);
    return { vmId: child.vmId, ok: false, error };
  }
}
