/** What a slot that waits takes of the host's memory: pages that it shares with others count in parts. */
import { memoryOf } from "../processes/process-usage.ts";
import type { Slot } from "./slot.ts";

const MIB = 1024 ** 2;

/** 0 for one that has just ended. */
export async function memoryMibOfSlot(slot: Slot): Promise<number> {
  return Math.ceil(((await memoryOf(slot.qemu.identity.pid))?.residentBytes ?? 0) / MIB);
}
