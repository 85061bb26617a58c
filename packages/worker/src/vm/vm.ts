/** One VM as the worker holds it in memory. Its transitions are functions in files of their own; here is only what they share. */
import type { VmId } from "@fastvm/contract";
import { FastvmError } from "@fastvm/contract";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { writeJournal } from "../journal/journal.ts";
import type { Journal } from "../journal/journal.ts";
import type { QemuProcess } from "../qemu/qemu-process.ts";
import { SerialQueue } from "./serial-queue.ts";

/** What exists only while a guest runs. */
export interface Guest {
  readonly qemu: QemuProcess;
  readonly link: GuestLink;
}

export type VmRecord = Omit<Journal, "format">;

export class Vm {
  readonly vmId: VmId;
  readonly folder: string;
  /** Transitions of this VM, one at a time. */
  readonly transitions: SerialQueue;
  /** Readers of its console, one at a time: each takes from QEMU what it has, and keeps it. */
  readonly logs = new SerialQueue();
  #record: VmRecord;
  #guest: Guest | undefined;

  /** A VM that is resumed takes over the queue of the one that was paused. */
  constructor(folder: string, record: VmRecord, transitions = new SerialQueue()) {
    this.vmId = record.vmId;
    this.transitions = transitions;
    this.folder = folder;
    this.#record = record;
  }

  get record(): VmRecord {
    return this.#record;
  }

  get guest(): Guest | undefined {
    return this.#guest;
  }

  /** The guest, or `vm_wrong_state`. */
  requireGuest(): Guest {
    if (this.#record.phase !== "running" || this.#guest === undefined) {
      throw new FastvmError("vm_wrong_state", `VM ${this.vmId} is ${this.#record.phase}, not running`);
    }
    return this.#guest;
  }

  setGuest(guest: Guest | undefined): void {
    this.#guest = guest;
  }

  /** The record of a paused VM lies with its captured state, which the caller has published. */
  becomePaused(record: VmRecord): void {
    this.#record = record;
  }

  /**
   * For what has happened and cannot be undone: true in memory from now on, even if it cannot be written. The journal is then behind by this, which
   * whoever reads it after a restart must know of.
   */
  async note(change: Partial<VmRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeJournal(this.folder, this.#record);
  }

  /** Changes the record on disk, then in memory. */
  async update(change: Partial<VmRecord>): Promise<void> {
    await this.replace({ ...this.#record, ...change });
  }

  async replace(record: VmRecord): Promise<void> {
    await writeJournal(this.folder, record);
    this.#record = record;
  }
}
