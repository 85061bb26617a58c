/**
 * A slot: a folder, a user id and a waiting QEMU with a base memory mapped, not yet anybody's
 * VM. Launch takes one from the pool or makes one; either way the rest of a restore is the same.
 */
import { chmod, chown, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { eachInTurn } from "../concurrency/each-in-turn.ts";
import { DISK_FOLDER } from "../disk/chain.ts";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { raiseFileLimit } from "../processes/file-limit.ts";
import { linkOrCopy } from "../files/copy.ts";
import type { UidAllocator } from "../host/uid-allocator.ts";
import type { Cgroups, GroupUse } from "../host/cgroups.ts";
import { namespacePath } from "../network/namespace.ts";
import type { Network } from "../network/network.ts";
import type { VmNetwork } from "../network/vm-network.ts";
import type { MappedPages } from "../memory/mapping.ts";
import type { PageMap } from "../memory/page-map.ts";
import { giveSpawnMap } from "../memory/vm-memory.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { BootSource, MachineSpec, NetworkDevice } from "../qemu/machine.ts";
import { identityOf, linkQemu } from "../qemu/qemu-set.ts";
import type { QemuIdentity, QemuSet } from "../qemu/qemu-set.ts";
import { QemuProcess } from "../qemu/qemu-process.ts";
import type { QemuHost } from "../qemu/qemu-process.ts";
import { newSlotName } from "./slot-name.ts";
import { prepareIncoming } from "../snapshot/device-state.ts";

export interface Slot {
  /** Of the process and of its control group. */
  readonly name: string;
  readonly folder: string;
  readonly uid: number;
  /** Absent where VMs have no network. */
  readonly network: VmNetwork | undefined;
  /** Size of the largest disk that its QEMU may write. */
  readonly diskGib: number;
  readonly qemu: QemuProcess;
  readonly runs: QemuIdentity;
  /** What its process has mapped over the base memory. */
  readonly mapped: PageMap;
}

/** What a slot holds before there is a process in it, and after. */
type SlotHoldings = Omit<Slot, "qemu" | "diskGib" | "runs" | "mapped">;

export interface SlotHost {
  readonly qemuHost: QemuHost;
  readonly uids: UidAllocator;
  readonly cgroups: Cgroups;
  /** Absent where VMs have no network. */
  readonly network: Network | undefined;
  /** Features of the processor that guests of this host do not see. */
  readonly masked?: readonly string[] | undefined;
}

interface SlotRequest {
  /** Made by this call; must not exist. */
  readonly folder: string;
  readonly machine: Omit<MachineSpec, "network">;
  /** Of the disk that it will have, as far as that is known. */
  readonly diskGib: number;
  /** The base memory to map. */
  readonly memory: string;
  /** What to map over it. */
  readonly pages: MappedPages;
  /** The QEMU to run. */
  readonly qemu: QemuSet;
  /** Default: a VM's. */
  readonly use?: GroupUse;
}

/**
 * Root owns the folder and its group may pass through it: QEMU, which works in it, can open what is linked here, but
 * neither list nor rename nor replace anything, and no other VM's QEMU gets in. The folder above is root's alone.
 */
export async function makeSlotFolder(
  folder: string,
  uid: number,
  memory: string,
  pages: MappedPages,
  qemu: QemuSet,
): Promise<void> {
  await mkdir(join(folder, DISK_FOLDER), { recursive: true, mode: CLOSED_FOLDER_MODE });
  await chown(folder, 0, uid);
  await chmod(folder, 0o710);
  await chmod(join(folder, DISK_FOLDER), 0o711);
  await linkOrCopy(memory, join(folder, MEMORY_FILE));
  await giveSpawnMap(folder, pages);
  await linkQemu(qemu.holder, folder);
}

/** Starts a QEMU that waits for a device state. On failure nothing is left. */
export async function openSlot(host: SlotHost, request: SlotRequest): Promise<Slot> {
  const { folder, memory, pages } = request;
  const holdings = await reserveSlot(host, folder);
  let qemu: QemuProcess | undefined;
  try {
    await step("slot.reserved");
    await makeSlotFolder(folder, holdings.uid, memory, pages, request.qemu);
    await step("slot.folder-made");
    qemu = await startQemu(host, holdings, request);
    await step("slot.started");
    await prepareIncoming(qemu.qmp);
    await step("slot.ready");
    const { diskGib } = request;
    return { ...holdings, diskGib, qemu, runs: identityOf(request.qemu), mapped: pages.map };
  } catch (error) {
    await qemu?.kill();
    await freeSlot(host, holdings);
    throw error;
  }
}

export async function reserveSlot(host: SlotHost, folder: string): Promise<SlotHoldings> {
  const uid = host.uids.take();
  try {
    return { name: newSlotName(), folder, uid, network: await host.network?.take() };
  } catch (error) {
    host.uids.release(uid);
    throw error;
  }
}

export async function startQemu(
  host: SlotHost,
  { name, folder, uid, network }: SlotHoldings,
  { machine, diskGib, use }: Pick<SlotRequest, "machine" | "diskGib" | "use">,
  boot?: BootSource | "firmware",
): Promise<QemuProcess> {
  return await QemuProcess.spawn(host.qemuHost, {
    name,
    folder,
    uid,
    diskGib,
    machine: { masked: host.masked, ...machine, network: networkDevice(host) },
    namespace: network && namespacePath(network),
    groups: await host.cgroups.make(name, machine.machine, use),
    ...(boot && { boot }),
  });
}

/** What hardware the machines of this host have. */
export function networkDevice({ network }: Pick<SlotHost, "network">): NetworkDevice {
  return network === undefined ? "none" : "tap";
}

/** Lets its QEMU write a larger disk than it was started for. */
export async function allowDisk(slot: Slot, diskGib: number): Promise<void> {
  if (diskGib > slot.diskGib) await raiseFileLimit(slot.qemu.identity.pid, slot.uid, diskGib);
}

/** Gives a slot's folder another place; the QEMU in it works with relative names, in a folder and not at a path, and does not notice. */
export async function moveSlot(slot: Slot, folder: string): Promise<Slot> {
  await rename(slot.folder, folder);
  await step("slot.moved");
  return { ...slot, folder, qemu: slot.qemu.movedTo(folder) };
}

export async function closeSlot(host: SlotHost, slot: Slot): Promise<void> {
  await slot.qemu.kill();
  await eachInTurn(
    () => step("slot.killed"),
    () => freeSlot(host, slot),
  );
}

/** Frees what a slot held, once its process is gone: what cannot be freed keeps nothing else. */
export async function freeSlot(host: SlotHost, slot: SlotHoldings): Promise<void> {
  await eachInTurn(
    async () => {
      await host.cgroups.remove(slot.name);
      await step("slot.cgroup-removed");
    },
    async () => {
      await rm(slot.folder, { recursive: true, force: true });
      // As long as there are files of this user, nobody else may be it.
      host.uids.release(slot.uid);
      await step("slot.folder-removed");
    },
    async () => {
      if (slot.network !== undefined) await host.network?.release(slot.network);
      await step("slot.freed");
    },
  );
}
