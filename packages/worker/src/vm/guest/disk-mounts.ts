/**
 * Disks that a VM mounts, behind the spare block devices of its machine: a volume of kind disk, which one VM has at a time, or a copy of a
 * disk image. A file's name in the VM's folder says who has it.
 */
import { chmod, chown, rm } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, type VolumeMount } from "@fastvm/contract";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { closeNode, putBehindSpare, putStandInBehindSpare } from "../../disk/spare-disk.ts";
import { raiseFileLimit } from "../../processes/file-limit.ts";
import { SPARE_DISKS } from "../../qemu/machine.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

export type DiskContext = Parts<"onError" | "overlays" | "volumes">;

const PRIVATE = 0o600;
const GIB = 1024 ** 3;

/** The first of its spare devices that no disk is behind. */
export function freeSpare(vm: Vm): number {
  const taken = new Set((vm.record.plainMounts ?? []).map(({ spare }) => spare));
  const free = Array.from({ length: SPARE_DISKS }, (_, index) => index).find((index) => !taken.has(index));
  if (free !== undefined) return free;
  throw new FastvmError("conflict", `a VM has at most ${SPARE_DISKS} disks beside its own`);
}

/** Behind the device; nothing of it is left where that fails. */
export async function giveDisk(
  context: DiskContext,
  vm: Vm,
  mount: VolumeMount,
  spare: number,
): Promise<void> {
  const file = fileOf(spare);
  const path = join(vm.folder, file);
  const { uid, process } = vm.record;
  try {
    const { sizeBytes, format } = await context.volumes.placeDisk(mount, path);
    await chown(path, uid, uid);
    await chmod(path, PRIVATE);
    if (process !== undefined) await raiseFileLimit(process.pid, uid, largest(vm, sizeBytes));
    const { qmp } = vm.requireGuest().qemu;
    if (format === "vmdk" || (mount.readOnly && format === "raw")) {
      // The device has promised to take writes; the disk never has them.
      const overlay = overlayOf(spare);
      await context.overlays.create(join(vm.folder, overlay), sizeBytes, uid);
      await putBehindSpare(qmp, spare, nodeOf(spare), { kind: "read", file, overlay, format });
    } else {
      const kind = format === "raw" ? "reserved" : format;
      await putBehindSpare(qmp, spare, nodeOf(spare), { kind, file });
    }
  } catch (error) {
    await takeDisk(vm, spare).catch(context.onError);
    throw error;
  }
}

function largest(vm: Vm, sizeBytes: number): number {
  return Math.max(vm.record.diskGib, Math.ceil(sizeBytes / GIB));
}

/** The guest has let go of it, or never had it. Again for one that is taken already. */
export async function takeDisk(vm: Vm, spare: number): Promise<void> {
  const { qmp } = vm.requireGuest().qemu;
  await putStandInBehindSpare(qmp, spare, nodeOf(spare));
  await closeNode(qmp, nodeOf(spare)).catch((error: unknown) => {
    if (!/Failed to find node|Cannot find/i.test(String(error))) throw error;
  });
  for (const file of [fileOf(spare), overlayOf(spare)]) await rm(join(vm.folder, file), { force: true });
}

function nodeOf(spare: number): string {
  return `mounted-${spare}`;
}

function fileOf(spare: number): string {
  return `${DISK_FOLDER}/mounted-${spare}`;
}

function overlayOf(spare: number): string {
  return `${DISK_FOLDER}/mounted-${spare}.qcow2`;
}
