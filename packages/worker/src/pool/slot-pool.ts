/**
 * QEMU processes spawned ahead, with a template's base memory mapped: a restore that finds one skips the 50 ms that a process
 * needs to start. Anything captured from a VM of that template shares its base, so restores and forks find them useful, too.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { nothingMapped } from "../memory/mapping.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { Accelerator } from "../qemu/machine.ts";
import { setOf } from "../snapshot/set-of.ts";
import { ReadyPool } from "./ready-pool.ts";
import { closeSlot, openSlot } from "./slot.ts";
import type { Slot, SlotHost } from "./slot.ts";
import { memoryMibOfSlot } from "./slot-memory.ts";

interface SlotPoolOptions {
  readonly host: SlotHost;
  readonly accelerator: Accelerator;
  /** Slots live here until they are taken. */
  readonly folder: string;
  readonly size: number;
  readonly maxSize: number;
  readonly memoryMib: number;
  readonly onError: (error: unknown) => void;
}

export function openSlotPool(options: SlotPoolOptions): ReadyPool<Slot> {
  const { host, accelerator, folder, size, maxSize, memoryMib, onError } = options;
  return new ReadyPool<Slot>({
    size,
    maxSize,
    memoryMib,
    servesByFile: MEMORY_FILE,
    open: (template) =>
      openSlot(host, {
        folder: join(folder, randomUUID()),
        machine: { machine: template.manifest.machine, accelerator },
        diskGib: template.manifest.diskGib,
        memory: join(template.folder, MEMORY_FILE),
        // Of a template all is base.
        pages: nothingMapped(template.manifest.machine.memoryMib),
        qemu: setOf(template),
        use: "spare",
      }),
    close: (slot) => closeSlot(host, slot),
    ended: (slot) => slot.qemu.qmp.closed,
    memoryMibOf: memoryMibOfSlot,
    onError,
  });
}
