/**
 * QEMU processes spawned ahead, with a template's base memory mapped: a restore that finds one skips the 50 ms that a process needs to start.
 * Anything captured from a VM of that template shares its base, so restores and forks find them useful, too.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { Accelerator } from "../qemu/machine.ts";
import { ReadyPool } from "./ready-pool.ts";
import { closeSlot, openSlot } from "./slot.ts";
import type { Slot, SlotHost } from "./slot.ts";

export interface SlotPoolOptions {
  readonly host: SlotHost;
  readonly accelerator: Accelerator;
  /** Slots live here until they are taken. */
  readonly folder: string;
  readonly size: number;
  readonly onError: (error: unknown) => void;
}

export function openSlotPool({ host, accelerator, folder, size, onError }: SlotPoolOptions): ReadyPool<Slot> {
  return new ReadyPool<Slot>({
    size,
    servesByFile: MEMORY_FILE,
    open: ({ folder: template, manifest }) =>
      openSlot(host, {
        folder: join(folder, randomUUID()),
        machine: { machine: manifest.machine, accelerator },
        diskGib: manifest.diskGib,
        memory: join(template, MEMORY_FILE),
      }),
    close: (slot) => closeSlot(host, slot),
    ended: (slot) => slot.qemu.qmp.closed,
    onError,
  });
}
