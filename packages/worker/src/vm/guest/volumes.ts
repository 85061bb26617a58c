/**
 * Volumes of a running VM. One server beside its QEMU has them all, and ends with it; the guest mounts each over the second port. What a
 * captured guest had mounted, and is to have again, its server knows before it runs: what was open goes on. The rest is taken from it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { FastvmError } from "@fastvm/contract";
import type {
  CallOptions,
  Detached,
  DetachOptions,
  MountOutcome,
  VolumeId,
  VolumeMount,
} from "@fastvm/contract";
import { isServing } from "../../buckets/vm-buckets.ts";
import { GuestError } from "../../guest-link/guest-error.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import { KEPT_MS } from "../../volumes/server/sharing.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";
import { askToMount } from "./ask-to-mount.ts";
import { mountFlags } from "./mount-flags.ts";
import {
  attachToServer,
  controlSocket,
  detachFromServer,
  isServed,
  startVolumeServer,
  type VolumeServerContext,
} from "../volumes/volume-server.ts";

/** By force it goes without a guest's word: so long it is waited for, which is less than callers wait. */
const FORCED_DEADLINE_MS = 10_000;

/**
 * A guest that had it like that has it like this without mounting it anew: what is for reading only the server refuses to change. A new
 * tool of a bucket knows nothing of the files that an earlier one has had open.
 */
function goesOnAs(before: VolumeMount, wanted: VolumeMount): boolean {
  if (wanted.source?.kind === "bucket") return false;
  const isSame = isDeepStrictEqual(withoutAccess(before), withoutAccess(wanted));
  return isSame && (wanted.readOnly || !before.readOnly);
}

/** As it is written: what is not said is not there. */
function withoutAccess({ readOnly: _either, ...rest }: VolumeMount): unknown {
  return JSON.parse(JSON.stringify(rest)) as unknown;
}

/** Call it before a captured guest runs. Whatever fails, it runs, and `settleVolumes` sees what it has. */
export async function serveCaptured(
  context: VolumeServerContext,
  vm: Vm,
  { folder, manifest }: Snapshot,
  wanted: readonly VolumeMount[],
): Promise<void> {
  const captured = manifest.volumes ?? [];
  const mounts = wanted.filter((mount) => captured.some((before) => goesOnAs(before, mount)));
  if (mounts.length === 0) return;
  const stored = manifest.volumesTable;
  const table = stored === undefined ? undefined : { folder, stored };
  try {
    await startVolumeServer(context, vm, { table, mounts });
  } catch (error) {
    context.onError(error);
  }
}

/** Of a VM that has just begun to run. It runs whatever becomes of this. */
export async function settleVolumes(
  context: VolumeServerContext,
  vm: Vm,
  wanted: readonly VolumeMount[],
): Promise<readonly MountOutcome[]> {
  const before = vm.record.volumes ?? [];
  if (before.length === 0 && wanted.length === 0) return [];
  const served = await servedVolumes(vm);
  const goesOn = wanted.filter(
    (mount) => served.has(mount.volumeId) && before.some((one) => goesOnAs(one, mount)),
  );
  for (const mount of before) {
    if (goesOn.some(({ volumeId }) => volumeId === mount.volumeId)) continue;
    await unmount(vm, mount, { forced: true }).catch((error: unknown) => context.onError(error));
    await letGo(context, vm, mount.volumeId).catch((error: unknown) => context.onError(error));
  }
  await vm.update({ volumes: goesOn });
  // What it was told of names before its capture it believes for so long.
  if (goesOn.length > 0) await sleep(KEPT_MS);
  const outcomes: MountOutcome[] = [];
  for (const mount of wanted) {
    const { volumeId } = mount;
    try {
      await attachVolume(context, vm, mount);
      outcomes.push({ volumeId });
    } catch (error) {
      outcomes.push({ volumeId, failure: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcomes;
}

/** Those that its server has; none where there is no server. */
async function servedVolumes(vm: Vm): Promise<ReadonlySet<string>> {
  if (!(await isServed(vm))) return new Set();
  using connection = await ControlConnection.open(controlSocket(vm));
  const { told } = await connection.ask("list");
  const attachments = told["attachments"] as readonly { readonly tag: string; readonly attached: boolean }[];
  return new Set(attachments.filter(({ attached }) => attached).map(({ tag }) => tag));
}

export async function attachVolume(
  context: VolumeServerContext,
  vm: Vm,
  mount: VolumeMount,
  { signal }: CallOptions = {},
): Promise<void> {
  vm.requireRunning();
  const { volumeId } = mount;
  if (vm.record.volumes?.some((one) => one.volumeId === volumeId) === true) return;
  await mountIn(context, vm, mount, signal);
  await vm.change((record) => ({ ...record, volumes: [...(record.volumes ?? []), mount] }));
}

async function mountIn(
  context: VolumeServerContext,
  vm: Vm,
  mount: VolumeMount,
  signal?: AbortSignal,
): Promise<void> {
  const { volumeId } = mount;
  await serveAlso(context, vm, mount);
  try {
    const flags = mountFlags(mount);
    const request = { verb: Verb.MOUNT, path: mount.mountPath, volume: volumeId, mountFlags: flags };
    await askToMount(vm, request, signal);
  } catch (error) {
    await letGo(context, vm, volumeId).catch(context.onError);
    throw error instanceof GuestError
      ? new FastvmError("conflict", `the VM cannot mount it: ${error.message}`, { cause: error })
      : error;
  }
}

/** What was open of it is not any more. One that cannot be mounted the VM still has, and it counts as failed. */
export async function mountAnew(context: VolumeServerContext, vm: Vm, mount: VolumeMount): Promise<void> {
  vm.requireRunning();
  await unmount(vm, mount, { forced: true }).catch((error: unknown) => context.onError(error));
  await letGo(context, vm, mount.volumeId);
  try {
    await mountIn(context, vm, mount);
  } finally {
    await vm.update({});
  }
}

async function letGo(context: Parts<"volumes">, vm: Vm, volumeId: VolumeId): Promise<void> {
  await detachFromServer(context, vm, volumeId);
  await context.volumes.buckets.end(vm, volumeId);
}

/** By the server that there is, or by one for what the guest has mounted already. Rejects with why this one is not to be had. */
async function serveAlso(context: VolumeServerContext, vm: Vm, mount: VolumeMount): Promise<void> {
  if (!(await isServed(vm))) {
    // Found before there is a process for it.
    if (mount.source?.kind !== "bucket") await context.volumes.served(mount);
    await startVolumeServer(context, vm, {
      follows: vm.record.volumeServer !== undefined,
      mounts: (vm.record.volumes ?? []).filter(({ volumeId }) => volumeId !== mount.volumeId),
    });
    await vm.update({});
  }
  await attachToServer(context, vm, mount);
}

export async function detachVolume(
  context: Parts<"volumes">,
  vm: Vm,
  volumeId: VolumeId,
  { force = false, signal }: DetachOptions = {},
): Promise<Detached> {
  vm.requireRunning();
  const mount = vm.record.volumes?.find((one) => one.volumeId === volumeId);
  if (mount === undefined) return { warnings: [] };
  const warnings = await unmountOrWarn(vm, mount, force, signal);
  await letGo(context, vm, volumeId);
  await vm.change((record) => ({
    ...record,
    volumes: (record.volumes ?? []).filter((one) => one.volumeId !== volumeId),
  }));
  return { warnings };
}

/** By force it goes whatever the guest says: its server answers nothing of it any more. */
async function unmountOrWarn(
  vm: Vm,
  mount: VolumeMount,
  force: boolean,
  signal: AbortSignal | undefined,
): Promise<Detached["warnings"]> {
  try {
    await unmount(vm, mount, { forced: force, signal });
    return [];
  } catch (error) {
    if (error instanceof GuestError && error.code === "EBUSY") {
      throw new FastvmError("guest_umount_busy", mount.mountPath, { cause: error });
    }
    if (!force) throw error;
    const isMute = error instanceof FastvmError && error.code === "guest_unresponsive";
    const message = error instanceof Error ? error.message : String(error);
    return [{ type: isMute ? "guest_unresponsive" : "ack_timeout", message }];
  }
}

const UNHEALTHY = "unhealthy: its tool has ended, and another is being started";

export async function mountsOf(vm: Vm): Promise<readonly MountOutcome[]> {
  const { phase, volumes = [] } = vm.record;
  if (phase !== "running") return [];
  const hasServer = await isServed(vm);
  const failure = "the server of its volumes has ended, and another is being started";
  return await Promise.all(
    volumes.map(async (mount) => {
      const { volumeId } = mount;
      if (!hasServer) return { volumeId, failure };
      const isWell = mount.source?.kind !== "bucket" || (await isServing(vm, volumeId));
      return { volumeId, ...(isWell ? {} : { failure: UNHEALTHY }) };
    }),
  );
}

async function unmount(
  vm: Vm,
  { mountPath, volumeId }: VolumeMount,
  { forced, signal }: { readonly forced: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  try {
    const request = { verb: Verb.UNMOUNT, path: mountPath, volume: volumeId, forced };
    await askToMount(vm, request, signal, forced ? FORCED_DEADLINE_MS : undefined);
  } catch (error) {
    if (!(error instanceof GuestError && error.code === "ENOENT")) throw error;
  }
}
