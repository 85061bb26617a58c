/**
 * A QEMU that is about to boot a kernel, with its folder and user: what templates are made of, and how a stopped VM starts. Its memory is
 * an empty base, so that it is captured like any other.
 */
import { chmod, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { step } from "@fastvm/contract";
import type { MachineType } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import type { Image } from "../image/image.ts";
import { nothingMapped } from "../memory/mapping.ts";
import { freeSlot, makeSlotFolder, reserveSlot, startQemu } from "../pool/slot.ts";
import type { Slot, SlotHost } from "../pool/slot.ts";
import type { Accelerator } from "../qemu/machine.ts";
import type { QemuProcess } from "../qemu/qemu-process.ts";
import { identityOf } from "../qemu/qemu-set.ts";
import type { QemuSet } from "../qemu/qemu-set.ts";
import { kernelCommandLine } from "./command-line.ts";

const MIB = 1024 ** 2;
/** By the user of the QEMU that it is linked for; the folders above decide whom that is. */
const READABLE = 0o444;

export interface BootHost extends SlotHost {
  readonly accelerator: Accelerator;
  readonly tscKhz: number;
  readonly installedQemu: QemuSet;
}

interface BootRequest {
  /** Made by this call; must not exist. */
  readonly folder: string;
  /** On the same filesystem; emptied when a daemon starts. */
  readonly workFolder: string;
  readonly machine: MachineType;
  /** Whose kernel it boots. */
  readonly image: Pick<Image, "kernel" | "initramfs" | "cmdline">;
  readonly diskGib: number;
  /** Puts the disk's layers into a folder of which `uid` may write what is given to it. */
  readonly giveDisk: (folder: string, uid: number) => Promise<void>;
}

/** It waits for its disk and for `cont`. On failure nothing is left. */
export async function bootSlot(host: BootHost, request: BootRequest): Promise<Slot> {
  const { folder, machine, diskGib } = request;
  const holdings = await reserveSlot(host, folder);
  let qemu: QemuProcess | undefined;
  try {
    await step("boot.begun");
    await makeBootFolder(host, request, holdings.uid);
    await step("boot.folder-made");
    qemu = await startQemu(
      host,
      holdings,
      { machine: { machine, accelerator: host.accelerator }, diskGib },
      { kernel: "kernel", initramfs: "initramfs", cmdline: kernelCommandLine({ ...host, ...request }) },
    );
    await step("boot.started");
    const mapped = nothingMapped(machine.memoryMib).map;
    return { ...holdings, diskGib, qemu, runs: identityOf(host.installedQemu), mapped };
  } catch (error) {
    await qemu?.kill();
    await freeSlot(host, holdings);
    throw error;
  }
}

/** Kernel and initramfs are linked in like everything else QEMU reads: it may look nowhere outside its folder. */
async function makeBootFolder(
  host: Pick<BootHost, "installedQemu">,
  { folder, workFolder, machine, image, giveDisk }: BootRequest,
  uid: number,
): Promise<void> {
  await makeClosedFolder(workFolder);
  await makeClosedFolder(dirname(folder));
  const empty = join(workFolder, `${uid}.memory`);
  try {
    {
      await using file = await open(empty, "wx");
      await file.truncate(machine.memoryMib * MIB);
      await file.chmod(READABLE);
    }
    await makeSlotFolder(folder, uid, empty, nothingMapped(machine.memoryMib), host.installedQemu);
  } finally {
    await rm(empty, { force: true });
  }
  await giveImageFile(image.kernel, join(folder, "kernel"));
  await giveImageFile(image.initramfs, join(folder, "initramfs"));
  await giveDisk(join(folder, DISK_FOLDER), uid);
}

/** An image that was built under a strict umask is to boot as well: QEMU is not root. */
export async function giveImageFile(from: string, to: string): Promise<void> {
  await linkOrCopy(from, to);
  const { mode } = await stat(to);
  if ((mode & READABLE) !== READABLE) await chmod(to, mode | READABLE);
}
