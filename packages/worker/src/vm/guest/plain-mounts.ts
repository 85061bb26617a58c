/**
 * Mounts of a running VM behind which no server is: files in its memory, which live in its captures, and disks.
 * A captured guest knows of a disk what was true then; so it is taken from it, while nothing is behind the device, and given to it anew.
 */
import { FastvmError } from "@fastvm/contract";
import type {
  CallOptions,
  Detached,
  DetachOptions,
  MountOutcome,
  VolumeId,
  VolumeMount,
} from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import type { PlainMount } from "../../journal/journal.ts";
import type { Vm } from "../state/vm.ts";
import { askToMount } from "./ask-to-mount.ts";
import { freeSpare, giveDisk, takeDisk, type DiskContext } from "./disk-mounts.ts";
import { mountFlags } from "./mount-flags.ts";

const MIB = 1024n ** 2n;

/** Which way it is mounted is known from the mount alone. */
export function isPlain({ source, isDisk }: VolumeMount): boolean {
  return isDisk === true || source?.kind === "tmpfs" || source?.kind === "image";
}

/** Of a VM that has just begun to run. It runs whatever becomes of this. */
export async function settlePlainMounts(
  context: DiskContext,
  vm: Vm,
  wanted: readonly VolumeMount[],
): Promise<readonly MountOutcome[]> {
  const before = vm.record.plainMounts ?? [];
  if (before.length === 0 && wanted.length === 0) return [];
  const kept = before.filter((mount) => wanted.some((one) => goesOn(mount, one)));
  for (const mount of before.filter((one) => !kept.includes(one))) {
    await unmount(vm, mount, { forced: true }).catch((error: unknown) => context.onError(error));
    if (mount.spare !== undefined) await takeDisk(vm, mount.spare).catch(context.onError);
  }
  await vm.update({ plainMounts: kept });
  const outcomes: MountOutcome[] = [];
  for (const mount of wanted) {
    const { volumeId } = mount;
    try {
      await attachPlainMount(context, vm, mount);
      outcomes.push({ volumeId });
    } catch (error) {
      outcomes.push({ volumeId, failure: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcomes;
}

function goesOn(before: VolumeMount, wanted: VolumeMount): boolean {
  const isSame = before.volumeId === wanted.volumeId && before.mountPath === wanted.mountPath;
  return isSame && before.source?.kind === "tmpfs" && before.readOnly === wanted.readOnly;
}

export async function attachPlainMount(
  context: DiskContext,
  vm: Vm,
  mount: VolumeMount,
  { signal }: CallOptions = {},
): Promise<void> {
  vm.requireRunning();
  if (vm.record.plainMounts?.some(({ volumeId }) => volumeId === mount.volumeId) === true) return;
  try {
    if (mount.source?.kind === "tmpfs") await mountTmpfs(vm, mount, signal);
    else return await mountDisk(context, vm, mount, signal);
  } catch (error) {
    throw error instanceof GuestError
      ? new FastvmError("conflict", `the VM cannot mount it: ${error.message}`, { cause: error })
      : error;
  }
  await remember(vm, mount);
}

async function remember(vm: Vm, mount: PlainMount): Promise<void> {
  await vm.change((record) => ({ ...record, plainMounts: [...(record.plainMounts ?? []), mount] }));
}

async function forget(vm: Vm, volumeId: VolumeId): Promise<void> {
  await vm.change((record) => ({
    ...record,
    plainMounts: (record.plainMounts ?? []).filter((one) => one.volumeId !== volumeId),
  }));
}

/** Known before the guest has it: whoever finds the VM then takes it away. */
async function mountDisk(
  context: DiskContext,
  vm: Vm,
  mount: VolumeMount,
  signal: AbortSignal | undefined,
): Promise<void> {
  const spare = freeSpare(vm);
  await giveDisk(context, vm, mount, spare);
  try {
    await remember(vm, { ...mount, spare });
    const fstype = mount.source?.kind === "image" ? mount.source.fstype : undefined;
    const request = { path: mount.mountPath, mountFlags: mountFlags(mount), disk: spare, fstype };
    await askToMount(vm, { verb: Verb.MOUNT_DISK, ...request }, signal);
  } catch (error) {
    await takeDisk(vm, spare).catch(context.onError);
    await forget(vm, mount.volumeId);
    throw error;
  }
}

async function mountTmpfs(vm: Vm, mount: VolumeMount, signal: AbortSignal | undefined): Promise<void> {
  const sizeMib = mount.source?.kind === "tmpfs" ? mount.source.sizeMib : undefined;
  const sizeBytes = sizeMib === undefined ? undefined : BigInt(sizeMib) * MIB;
  const request = { path: mount.mountPath, mountFlags: mountFlags(mount), sizeBytes };
  await askToMount(vm, { verb: Verb.MOUNT_TMPFS, ...request }, signal);
}

/** `undefined` of what is no such mount. */
export async function detachPlainMount(
  vm: Vm,
  volumeId: VolumeId,
  { force = false, signal }: DetachOptions = {},
): Promise<Detached | undefined> {
  const mount = vm.record.plainMounts?.find((one) => one.volumeId === volumeId);
  if (mount === undefined) return undefined;
  vm.requireRunning();
  try {
    await unmount(vm, mount, { forced: force, signal });
  } catch (error) {
    if (error instanceof GuestError && error.code === "EBUSY") {
      throw new FastvmError("guest_umount_busy", mount.mountPath, { cause: error });
    }
    throw error;
  }
  if (mount.spare !== undefined) await takeDisk(vm, mount.spare);
  await forget(vm, volumeId);
  return { warnings: [] };
}

async function unmount(
  vm: Vm,
  { mountPath, spare }: PlainMount,
  { forced, signal }: { readonly forced: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  try {
    await askToMount(vm, { verb: Verb.UNMOUNT_PLAIN, path: mountPath, forced, disk: spare }, signal);
  } catch (error) {
    if (!(error instanceof GuestError && error.code === "ENOENT")) throw error;
  }
}

export function plainMountsOf(vm: Vm): readonly MountOutcome[] {
  const { phase, plainMounts = [] } = vm.record;
  return phase === "running" ? plainMounts.map(({ volumeId }) => ({ volumeId })) : [];
}
