/** From an image to a snapshot: a VM is launched of it, has settled as all VMs of a template have, and is captured. */
import { FastvmError, step } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import { SYSTEM_ACTOR, type Caller } from "../caller.ts";
import { createSnapshot } from "../snapshots/create-snapshot.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { launchVm } from "../vms/launch.ts";
import type { StartVmContext } from "../vms/start-order.ts";
import type { LiveBuild } from "./live-build.ts";
import { inPhase, later, type ProgressContext } from "./progress.ts";

/** A full host gives room when somebody is done; whoever waits longer than this for a build has given up. */
const MAX_WAIT_FOR_ROOM_MS = 3_600_000;
const LOOK_EVERY_MS = 500;
const SHOWN_ID_LENGTH = 8;

export type CaptureImageContext = StartVmContext & DeleteVmContext;

export async function captureImage(ctx: CaptureImageContext, live: LiveBuild, image: string): Promise<void> {
  const { signal } = live.ending;
  const { vmId, snapshotId, name, tag, id } = live.record;
  // Whatever is under way with the VM comes to its end by that.
  const end = (): void => void endVm(ctx, live);
  signal.addEventListener("abort", end, { once: true });
  try {
    const vm = await inPhase(ctx, live, "settling", () => launch(ctx, live, image));
    await step("control.build.launched");
    await inPhase(ctx, live, "capture", () =>
      createSnapshot(ctx, callerOf(live), vm, name ?? tag ?? id, { snapshotId }),
    );
    await step("control.build.captured");
  } finally {
    signal.removeEventListener("abort", end);
    if (signal.aborted) await ctx.inflight.settled(vmId);
  }
}

async function launch(ctx: CaptureImageContext, live: LiveBuild, image: string): Promise<VmRecord> {
  const { signal } = live.ending;
  const { id, vmId, diskGib } = live.record;
  const { machine, network } = live.order;
  const order = {
    source: { kind: "machine", machine, image },
    name: `build-${id.slice(0, SHOWN_ID_LENGTH)}`,
    settings: { diskGib, network },
    ttl: undefined,
    repeatKey: null,
  } as const;
  let vm = await launchVm(ctx, callerOf(live), order, { signal, vmId });
  const deadline = ctx.clock.now() + MAX_WAIT_FOR_ROOM_MS;
  while (vm.status === "provisioning") {
    await ctx.inflight.join(vmId, "launch");
    signal.throwIfAborted();
    vm = (await ctx.store.vms.get(vmId)) ?? gone();
    if (vm.status !== "provisioning") break;
    if (ctx.clock.now() > deadline) throw new FastvmError("out_of_capacity", vm.statusReason ?? undefined);
    await later(LOOK_EVERY_MS, signal);
  }
  if (vm.status !== "running")
    throw new FastvmError("launch_failed", vm.statusReason ?? `it is ${vm.status}`);
  return vm;
}

function gone(): never {
  throw new FastvmError("launch_failed", "somebody deleted the VM of the build");
}

async function endVm(
  ctx: DeleteVmContext & ProgressContext,
  { record: { vmId, id } }: LiveBuild,
): Promise<void> {
  try {
    const vm = await ctx.store.vms.get(vmId);
    if (vm !== undefined) await deleteVm(ctx, vm, SYSTEM_ACTOR);
  } catch (error) {
    // The end of the build asks again.
    ctx.log.warn(
      { err: error, buildId: id },
      "the VM of a build that was cancelled could not be deleted at once",
    );
  }
}

/** Whose quota it is. */
function callerOf({ record: { orgId, actor } }: LiveBuild): Caller {
  return { orgId, keyId: actor.replace(/^key:/, "") };
}
