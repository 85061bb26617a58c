/**
 * A slot: a folder, a user id and a waiting QEMU with a base memory mapped, not yet anybody's VM. Launch takes one from the pool or makes one;
 * either way the rest of a restore is the same.
 */
import { chmod, chown, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DISK_FOLDER } from "../disk/chain.ts";
import { linkOrCopy } from "../files/copy.ts";
import type { UidAllocator } from "../host/uid-allocator.ts";
import type { Cgroups } from "../host/cgroups.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { MachineSpec } from "../qemu/machine.ts";
import { QemuProcess } from "../qemu/qemu-process.ts";
import type { QemuHost } from "../qemu/qemu-process.ts";
import { newSlotName } from "./slot-name.ts";
import { prepareIncoming } from "../vm/device-state.ts";

export interface Slot {
  /** Of the process and of its control group. */
  readonly name: string;
  readonly folder: string;
  readonly uid: number;
  readonly qemu: QemuProcess;
}

export interface SlotHost {
  readonly qemuHost: QemuHost;
  readonly uids: UidAllocator;
  readonly cgroups: Cgroups;
}

export interface SlotRequest {
  /** Made by this call; must not exist. */
  readonly folder: string;
  readonly machine: MachineSpec;
  /** The base memory to map. */
  readonly memory: string;
}

/**
 * Root owns the folder and its group may pass through it: QEMU can open what is linked here, but neither list nor rename nor replace
 * anything, and no other VM's QEMU gets in.
 */
export async function makeSlotFolder(folder: string, uid: number, memory: string): Promise<void> {
  await mkdir(join(folder, DISK_FOLDER), { recursive: true });
  await chown(folder, 0, uid);
  await chmod(folder, 0o710);
  await chmod(join(folder, DISK_FOLDER), 0o711);
  await linkOrCopy(memory, join(folder, MEMORY_FILE));
}

/** Starts a QEMU that waits for a device state. On failure nothing is left. */
export async function openSlot(host: SlotHost, request: SlotRequest): Promise<Slot> {
  const { folder, machine, memory } = request;
  const name = newSlotName();
  const uid = host.uids.take();
  try {
    await makeSlotFolder(folder, uid, memory);
    const qemu = await QemuProcess.spawn(host.qemuHost, { name, folder, uid, machine }, (identity) =>
      host.cgroups.add(name, identity.pid),
    );
    await prepareIncoming(qemu.qmp);
    return { name, folder, uid, qemu };
  } catch (error) {
    await freeSlot(host, { name, folder, uid });
    throw error;
  }
}

/** Gives a slot's folder another place; the QEMU in it works with relative names and does not notice. */
export async function moveSlot(slot: Slot, folder: string): Promise<Slot> {
  await rename(slot.folder, folder);
  return { ...slot, folder, qemu: slot.qemu.movedTo(folder) };
}

export async function closeSlot(host: SlotHost, slot: Slot): Promise<void> {
  await slot.qemu.kill();
  await freeSlot(host, slot);
}

/** Frees what a slot held, once its process is gone. */
export async function freeSlot(host: SlotHost, slot: Omit<Slot, "qemu">): Promise<void> {
  await host.cgroups.remove(slot.name);
  await rm(slot.folder, { recursive: true, force: true });
  host.uids.release(slot.uid);
}
