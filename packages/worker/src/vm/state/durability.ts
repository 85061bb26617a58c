/**
 * A strict VM's disk is there after its host lost power, as its guest has flushed it: QEMU passes flushes on, the journal is synced
 * (`journal/journal.ts`), and so is each name by which layers are found again.
 */
import { dirname, join } from "node:path";
import { DISK_FOLDER } from "../../disk/chain.ts";
import type { DiskOptions } from "../../disk/chain.ts";
import { syncFrozen, syncPath } from "../../files/durable.ts";
import { JOURNAL_FILE } from "../../journal/journal.ts";
import type { Vm, VmRecord } from "./vm.ts";

export function isStrict({ durability }: Pick<VmRecord, "durability">): boolean {
  return durability === "strict";
}

export function diskOptions(record: Pick<VmRecord, "durability">): DiskOptions {
  return { flushes: isStrict(record) };
}

/** Of the layers that it has now, whoever wrote them: a fork's are not synced. Nothing of a VM that is not strict. */
export async function settleLayers({ folder, record }: Pick<Vm, "folder" | "record">): Promise<void> {
  if (!isStrict(record)) return;
  const disk = join(folder, DISK_FOLDER);
  await Promise.all(record.chain.map((layer) => syncPath(join(disk, layer))));
  await settleNames(folder);
}

/** A layer that is about to be written. */
export async function settleNewLayer(
  { folder, record }: Pick<Vm, "folder" | "record">,
  layer: string,
): Promise<void> {
  if (!isStrict(record)) return;
  await syncPath(join(folder, DISK_FOLDER, layer));
  await syncPath(join(folder, DISK_FOLDER));
}

/** Before the state at rest goes that it goes on from: nothing else outlives a power cut of its disk's names and its newest layer. */
export async function settleSuccessor(vm: Pick<Vm, "folder" | "record">): Promise<void> {
  // These were settled before its journal said that it runs.
  if (isStrict(vm.record)) return;
  await settleTop(vm);
  await settleRecord(vm);
}

/** As it is now. */
export async function settleTop({ folder, record }: Pick<Vm, "folder" | "record">): Promise<void> {
  const top = record.chain.at(-1);
  if (top !== undefined) await syncPath(join(folder, DISK_FOLDER, top));
}

/** Below it nobody writes: what they are was synced when they were captured, but for a fork, which does not wait for the disk. */
export async function settleFrozen({ folder, record }: Pick<Vm, "folder" | "record">): Promise<void> {
  for (const layer of record.chain.slice(0, -1)) await syncFrozen(join(folder, DISK_FOLDER, layer));
}

export async function settleRecord({ folder }: Pick<Vm, "folder">): Promise<void> {
  await syncPath(join(folder, JOURNAL_FILE));
  await settleNames(folder);
}

async function settleNames(folder: string): Promise<void> {
  for (const path of [join(folder, DISK_FOLDER), folder, dirname(folder)]) await syncPath(path);
}
