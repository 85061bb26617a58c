/** One VM as the worker holds it in memory. Its transitions are functions in files of their own; here is only what they share. */
import type { VmId } from "@fastvm/contract";
import { FastvmError } from "@fastvm/contract";
import { within } from "../../guest-link/deadline.ts";
import type { WaitOptions } from "../../guest-link/deadline.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import { writeJournal } from "../../journal/journal.ts";
import type { Journal } from "../../journal/journal.ts";
import { nothingMapped } from "../../memory/mapping.ts";
import { VmMemory } from "../../memory/vm-memory.ts";
import type { QemuProcess } from "../../qemu/qemu-process.ts";
import type { KeptLink } from "../../guest-link/kept-link.ts";
import { SerialQueue } from "../../concurrency/serial-queue.ts";

/** What exists only while a guest runs. */
export interface Guest {
  readonly qemu: QemuProcess;
  readonly link: KeptLink;
}

export type VmRecord = Omit<Journal, "format">;

/** A VM that runs, but whose monitor this daemon has not reached yet. */
interface Awaited {
  readonly link: KeptLink;
  readonly arrival: PromiseWithResolvers<Guest>;
}

/** A QEMU on an idle host is found in milliseconds; whoever waits for one that is stuck is told. */
const ARRIVAL_DEADLINE_MS = 10_000;

export class Vm {
  readonly vmId: VmId;
  readonly folder: string;
  /** Transitions of this VM, one at a time. */
  readonly transitions: SerialQueue;
  /** Readers of its console, one at a time: each takes from QEMU what it has, and keeps it. */
  readonly logs = new SerialQueue();
  /** Whether what was written of it last has been synced, where it was not as it was written (`late-settling.ts`). */
  isSettled = false;
  /** Each writes all of the record, so that one at a time does. */
  readonly #writes = new SerialQueue();
  #writesEnded = false;
  #memory: VmMemory | undefined;
  #record: VmRecord;
  #guest: Guest | undefined;
  #awaited: Awaited | undefined;

  /** A VM that is resumed takes over the queue of the one that was paused. */
  constructor(folder: string, record: VmRecord, transitions = new SerialQueue()) {
    this.vmId = record.vmId;
    this.transitions = transitions;
    this.folder = folder;
    this.#record = record;
  }

  /** Of the process that runs it; of one that was given nothing yet: all is base. */
  get memory(): VmMemory {
    this.#memory ??= new VmMemory(nothingMapped(this.#record.machine.memoryMib).map);
    return this.#memory;
  }

  set memory(memory: VmMemory) {
    this.#memory = memory;
  }

  get record(): VmRecord {
    return this.#record;
  }

  get guest(): Guest | undefined {
    return this.#guest;
  }

  /** Whether its guest runs, and is still to be taken over. */
  get isAwaited(): boolean {
    return this.#awaited !== undefined;
  }

  /** The guest, or `vm_wrong_state`, or `guest_unresponsive` while it is awaited. */
  requireGuest(): Guest {
    this.requireRunning();
    if (this.#guest !== undefined) return this.#guest;
    if (this.isAwaited) throw new FastvmError("guest_unresponsive", "its monitor does not answer yet");
    throw new FastvmError("vm_wrong_state", `VM ${this.vmId} has ended`);
  }

  requireRunning(): void {
    const { phase } = this.#record;
    if (phase === "running") return;
    throw new FastvmError("vm_wrong_state", `VM ${this.vmId} is ${phase}, not running`);
  }

  /** As `requireGuest`, but waits for one that is awaited. */
  async presentGuest(): Promise<Guest> {
    if (this.#awaited === undefined) return this.requireGuest();
    const wait = { deadlineMs: ARRIVAL_DEADLINE_MS, what: "answer on its monitor" };
    return await within(this.#awaited.arrival.promise, wait);
  }

  /** The link of a running guest, also of one that is awaited; waits for it until the deadline, then rejects with `guest_unresponsive`. */
  async link(options: WaitOptions): Promise<GuestLink> {
    const link = this.#awaited?.link ?? this.requireGuest().link;
    return await link.get(options);
  }

  /** Its guest runs, and `setGuest` is to come. */
  awaitGuest(link: KeptLink): void {
    const arrival = Promise.withResolvers<Guest>();
    arrival.promise.catch(() => undefined);
    this.#awaited = { link, arrival };
  }

  get awaitedLink(): KeptLink | undefined {
    return this.#awaited?.link;
  }

  setGuest(guest: Guest): void {
    this.#guest = guest;
    this.#awaited?.arrival.resolve(guest);
    this.#awaited = undefined;
  }

  /**
   * Parts with the guest, if there is one: whoever waits for it or for its link is told the cause. What becomes of QEMU is the caller's.
   */
  letGo(cause = new FastvmError("vm_died", "its link was closed")): Guest | undefined {
    const guest = this.#guest;
    guest?.link.close(cause);
    this.#awaited?.link.close(cause);
    this.#awaited?.arrival.reject(cause);
    this.#guest = undefined;
    this.#awaited = undefined;
    return guest;
  }

  /** In memory only: for a state whose record is elsewhere, or may find no room. The record of a paused VM lies with its captured state. */
  become(record: VmRecord): void {
    this.#record = record;
  }

  /** In memory only: the tools of its buckets. */
  holdBuckets(buckets: NonNullable<VmRecord["buckets"]>): void {
    this.#record = { ...this.#record, buckets };
  }

  /**
   * For what has happened and cannot be undone: true in memory from now on, even if it cannot be
   * written. The journal is then behind by this, which whoever reads it after a restart must know of.
   */
  async note(change: Partial<VmRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.change((record) => record);
  }

  /** Changes the record on disk, then in memory. */
  async update(change: Partial<VmRecord>): Promise<void> {
    await this.change((record) => ({ ...record, ...change }));
  }

  /** As `update`. `to` may be called twice: what was noted while it was written counts, too. Rejects once its writes have ended. */
  async change(to: (record: VmRecord) => VmRecord): Promise<void> {
    await this.#writes.run(async () => {
      if (this.#writesEnded) throw new FastvmError("vm_wrong_state", `VM ${this.vmId} has ended`);
      await writeJournal(this.folder, to(this.#record));
      this.#record = to(this.#record);
      this.isSettled = false;
    });
  }

  /**
   * For whoever removes its folder, which fails where somebody still writes there: resolves when nobody does, and nobody will. Not all
   * who write wait for its turn: its trust is brought, and its console read, beside everything else.
   */
  async endWrites(): Promise<void> {
    this.#writesEnded = true;
    await Promise.all([this.#writes.run(nothing), this.logs.run(nothing)]);
  }
}

async function nothing(): Promise<void> {
  await Promise.resolve();
}
