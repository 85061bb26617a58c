/**
 * Brings the record of a VM's disk in line with its QEMU, which alone knows whether a switch to
 * a new layer has happened: a daemon may have ended, or a journal found no room, in between.
 */
import { chmod, chown } from "node:fs/promises";
import { join } from "node:path";
import { activeLayer, chainUpTo, DISK_FOLDER } from "../../disk/chain.ts";
import type { DiskChain } from "../../disk/chain.ts";
import type { QemuProcess } from "../../qemu/qemu-process.ts";
import type { Vm } from "../state/vm.ts";

/** Throws when the disk is on a layer that no capture can have put there. */
export async function settleChain(vm: Vm, { qmp }: Pick<QemuProcess, "qmp">): Promise<void> {
  const active = await activeLayer(qmp);
  const { chain } = vm.record;
  if (chain[chain.length - 1] === active) return;
  const grown = chainUpTo(chain, active);
  if (grown === undefined) throw new Error(`its disk is on the unknown layer ${active}`);
  await freezeBelowTop(vm.folder, grown.slice(chain.length - 1));
  await vm.note({ chain: grown });
}

export async function freezeBelowTop(folder: string, chain: DiskChain): Promise<void> {
  for (const layer of chain.slice(0, -1)) await freezeLayer(folder, layer);
}

/** A layer that others will read is no longer its VM's to write. */
export async function freezeLayer(folder: string, layer: string): Promise<void> {
  const path = join(folder, DISK_FOLDER, layer);
  await chown(path, 0, 0);
  await chmod(path, 0o444);
}
