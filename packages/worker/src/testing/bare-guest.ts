/**
 * Guests of 200 bytes, all firmware (native/bare-guest.S), started, captured and restored with the worker's own parts.
 * They need nothing that a processor could be too slow for, so they run also under a KVM on which no kernel starts.
 */
import { copyFile, mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MachineType } from "@fastvm/contract";
import { Cgroups } from "../host/cgroups.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import { applyDelta, captureDelta } from "../memory/delta.ts";
import { findMemoryMapping } from "../memory/mapping.ts";
import { closeSlot, freeSlot, makeSlotFolder, openSlot, reserveSlot, startQemu } from "../pool/slot.ts";
import type { Slot, SlotHost } from "../pool/slot.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { MachineSpec } from "../qemu/machine.ts";
import { makeRunFile } from "../qemu/run-folder.ts";
import { identityOf, keepInstalledQemu, linkQemu, QEMU_FOLDER } from "../qemu/qemu-set.ts";
import type { QemuSet } from "../qemu/qemu-set.ts";
import { testQemu } from "./bare-slot.ts";
import { loadDeviceState } from "../snapshot/device-state.ts";

const NATIVE = fileURLToPath(new URL("../../native/build/", import.meta.url));
const FIRMWARE_FILE = "bios-microvm.bin";
const MIB = 1024 ** 2;
/** Of the files that its QEMU may write; there is no disk. */
const DISK_GIB = 1;
const LOOPS_AT = 0x500;
const TICKS_AT = 0x600;
const COUNTER_BYTES = 4;

export type BareMachine = Omit<MachineSpec, "network">;

/** What each processor has counted. */
export interface Counters {
  readonly loops: readonly number[];
  readonly ticks: readonly number[];
}

interface CapturedGuest {
  readonly state: Buffer;
  /** A file. */
  readonly delta: string;
  /** At the moment of the capture. */
  readonly counters: Counters;
}

export function bareMachine(cpu: number): MachineType {
  return { name: "bare", cpu, memoryMib: 64 };
}

export class BareGuests implements AsyncDisposable {
  readonly #root: string;
  readonly #host: SlotHost;
  readonly #qemu: QemuSet;
  readonly #slots: Slot[] = [];
  #made = 0;

  static async open(firstUser: number): Promise<BareGuests> {
    const root = await mkdtemp(join(tmpdir(), "fastvm-bare-"));
    const { program, ...qemuHost } = await testQemu();
    const installed = await keepInstalledQemu(program, join(root, "store"));
    const holder = join(root, "set");
    await mkdir(holder);
    await linkQemu(installed.holder, holder);
    const firmware = join(holder, QEMU_FOLDER, FIRMWARE_FILE);
    await rm(firmware);
    await copyFile(join(NATIVE, "bare-guest.bin"), firmware);
    {
      await using base = await open(join(root, MEMORY_FILE), "wx", 0o444);
      await base.truncate(bareMachine(1).memoryMib * MIB);
    }
    const host: SlotHost = {
      qemuHost,
      uids: new UidAllocator(firstUser),
      cgroups: await Cgroups.open(`bare-${process.pid}`),
      network: undefined,
    };
    return new BareGuests(root, host, { ...installed, holder });
  }

  private constructor(root: string, host: SlotHost, qemu: QemuSet) {
    this.#root = root;
    this.#host = host;
    this.#qemu = qemu;
  }

  /** From its firmware. */
  async start(machine: BareMachine): Promise<BareGuest> {
    const holdings = await reserveSlot(this.#host, this.#folder());
    try {
      await makeSlotFolder(holdings.folder, holdings.uid, join(this.#root, MEMORY_FILE), this.#qemu);
      const qemu = await startQemu(this.#host, holdings, { machine, diskGib: DISK_GIB }, "firmware");
      const slot = { ...holdings, diskGib: DISK_GIB, qemu, runs: identityOf(this.#qemu) };
      this.#slots.push(slot);
      await qemu.qmp.execute("cont");
      return new BareGuest(slot, machine.machine.cpu);
    } catch (error) {
      await freeSlot(this.#host, holdings);
      throw error;
    }
  }

  /** In a new process, as it was captured, and stopped. */
  async restore(machine: BareMachine, captured: CapturedGuest): Promise<BareGuest> {
    const slot = await openSlot(this.#host, {
      folder: this.#folder(),
      machine,
      diskGib: DISK_GIB,
      memory: join(this.#root, MEMORY_FILE),
      qemu: this.#qemu,
    });
    this.#slots.push(slot);
    const guest = new BareGuest(slot, machine.machine.cpu);
    await applyDelta(slot.qemu.identity.pid, await guest.mapping(), captured.delta);
    await loadDeviceState(slot.qemu, captured.state);
    return guest;
  }

  #folder(): string {
    return join(this.#root, `guest-${++this.#made}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const slot of this.#slots) await closeSlot(this.#host, slot);
    await this.#host.cgroups.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

export class BareGuest {
  readonly #slot: Slot;
  readonly #cpus: number;
  #captures = 0;

  constructor(slot: Slot, cpus: number) {
    this.#slot = slot;
    this.#cpus = cpus;
  }

  mapping(): ReturnType<typeof findMemoryMapping> {
    return findMemoryMapping(this.#slot.qemu.identity.pid, join(this.#slot.folder, MEMORY_FILE));
  }

  async continue(): Promise<void> {
    await this.#slot.qemu.qmp.execute("cont");
  }

  async counters(): Promise<Counters> {
    await using memory = await open(`/proc/${this.#slot.qemu.identity.pid}/mem`, "r");
    const { address } = await this.mapping();
    const read = async (at: number): Promise<number[]> => {
      const { buffer } = await memory.read(Buffer.alloc(this.#cpus * COUNTER_BYTES), 0, null, address + at);
      return Array.from({ length: this.#cpus }, (_, cpu) => buffer.readUInt32LE(cpu * COUNTER_BYTES));
    };
    return { loops: await read(LOOPS_AT), ticks: await read(TICKS_AT) };
  }

  /** As a VM is captured, without a disk to switch and a link to hold. It runs on. */
  async capture(): Promise<CapturedGuest> {
    const { qemu, folder, uid } = this.#slot;
    const file = await makeRunFile(folder, `state-${++this.#captures}`, uid);
    const delta = join(folder, `delta-${this.#captures}`);
    await qemu.qmp.execute("stop");
    try {
      const save = qemu.qmp.execute("xen-save-devices-state", { filename: file, live: false });
      await Promise.all([save, captureDelta(qemu.identity.pid, await this.mapping(), delta)]);
      return { state: await readFile(join(folder, file)), delta, counters: await this.counters() };
    } finally {
      await qemu.qmp.execute("cont");
    }
  }
}
