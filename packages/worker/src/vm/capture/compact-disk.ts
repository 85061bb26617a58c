/** Shortens a disk's chain while its guest runs: what lies between the image and the top layer moves into the top layer. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { closeLayersBeside, DISK_FOLDER, flushDisk, streamIntoTop } from "../../disk/chain.ts";
import { isStrict, settleRecord, settleTop } from "../state/durability.ts";
import type { Vm } from "../state/vm.ts";

/** Reads of untouched blocks ask each layer in turn, and each costs QEMU a table; sixteen are not felt. */
const MAX_LAYERS = 16;

export function needsCompaction(vm: Vm): boolean {
  return vm.record.phase === "running" && vm.record.chain.length > MAX_LAYERS;
}

/** Snapshots and other VMs keep their links to the layers this VM no longer needs. */
export async function compactDisk(vm: Vm): Promise<void> {
  if (!needsCompaction(vm)) return;
  const { qemu } = await vm.presentGuest();
  const { chain } = vm.record;
  await step("compact.begun");
  const [image = "", ...overlays] = chain;
  const top = overlays[overlays.length - 1] ?? "";
  await streamIntoTop(qemu.qmp, chain);
  // What it has copied is on the host's disk before that is gone of which it is a copy, and so is which layers count from now on: much of
  // it was there before the VM was, and is lost to no power cut, whatever becomes of what its guest has written since.
  await flushDisk(qemu.qmp, chain);
  // QEMU's own flush ends at the host's memory where the VM is not strict.
  if (!isStrict(vm.record)) await settleTop(vm);
  await step("compact.streamed");
  await vm.update({ chain: [image, top] });
  if (!isStrict(vm.record)) await settleRecord(vm);
  await step("compact.recorded");
  await closeLayersBeside(qemu.qmp, vm.record.chain);
  await step("compact.layers-closed");
  for (const layer of overlays.slice(0, -1)) await rm(join(vm.folder, DISK_FOLDER, layer), { force: true });
  await step("compact.layers-removed");
}
