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
import { MemoryCapture } from "../memory/capture-memory.ts";
import type { MemoryCopier } from "../memory/capture-memory.ts";
import { giveMemory } from "../memory/give-memory.ts";
import { findMemoryMapping, nothingMapped } from "../memory/mapping.ts";
import type { MappedPages } from "../memory/mapping.ts";
import { PagesHelper } from "../memory/pages-helper.ts";
import { mappedIn, VmMemory } from "../memory/vm-memory.ts";
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
  /** In files of its source. */
  readonly memory: MappedPages;
  readonly copiedBytes: number;
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
  readonly #copier: MemoryCopier;
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
    const { tracksWrites } = await PagesHelper.probe();
    const copier = { helper: new PagesHelper(), tracksWrites };
    return new BareGuests(root, host, { ...installed, holder }, copier);
  }

  private constructor(root: string, host: SlotHost, qemu: QemuSet, copier: MemoryCopier) {
    this.#root = root;
    this.#host = host;
    this.#qemu = qemu;
    this.#copier = copier;
  }

  /** From its firmware. */
  async start(machine: BareMachine): Promise<BareGuest> {
    const holdings = await reserveSlot(this.#host, this.#folder());
    try {
      const pages = nothingMapped(machine.machine.memoryMib);
      await makeSlotFolder(holdings.folder, holdings.uid, join(this.#root, MEMORY_FILE), pages, this.#qemu);
      const qemu = await startQemu(this.#host, holdings, { machine, diskGib: DISK_GIB }, "firmware");
      const slot = { ...holdings, diskGib: DISK_GIB, qemu, runs: identityOf(this.#qemu), mapped: pages.map };
      this.#slots.push(slot);
      await qemu.qmp.execute("cont");
      return new BareGuest(this.#copier, slot, machine.machine.cpu, new VmMemory(slot.mapped));
    } catch (error) {
      await freeSlot(this.#host, holdings);
      throw error;
    }
  }

  /** In a new process, as it was captured, and stopped: its pages written into its memory, or mapped over its base. */
  async restore(
    machine: BareMachine,
    captured: CapturedGuest,
    pages: "written" | "mapped",
  ): Promise<BareGuest> {
    const nothing = nothingMapped(machine.machine.memoryMib);
    const slot = await openSlot(this.#host, {
      folder: this.#folder(),
      machine,
      diskGib: DISK_GIB,
      memory: join(this.#root, MEMORY_FILE),
      pages: pages === "mapped" ? captured.memory : nothing,
      qemu: this.#qemu,
    });
    this.#slots.push(slot);
    const target = {
      pid: slot.qemu.identity.pid,
      folder: slot.folder,
      memoryFile: join(slot.folder, MEMORY_FILE),
      mapped: slot.mapped,
    };
    const memory = await giveMemory(this.#copier, target, captured.memory);
    await loadDeviceState(slot.qemu, captured.state);
    return new BareGuest(this.#copier, slot, machine.machine.cpu, memory);
  }

  #folder(): string {
    return join(this.#root, `guest-${++this.#made}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const slot of this.#slots) await closeSlot(this.#host, slot);
    this.#copier.helper.close();
    await this.#host.cgroups.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

export class BareGuest {
  readonly #copier: MemoryCopier;
  readonly #slot: Slot;
  readonly #cpus: number;
  readonly #memory: VmMemory;
  #captures = 0;

  constructor(copier: MemoryCopier, slot: Slot, cpus: number, memory: VmMemory) {
    this.#copier = copier;
    this.#slot = slot;
    this.#cpus = cpus;
    this.#memory = memory;
  }

  mapping(): ReturnType<typeof findMemoryMapping> {
    const { folder, qemu } = this.#slot;
    const mapped = mappedIn(folder, this.#memory.spawned);
    return findMemoryMapping(qemu.identity.pid, join(folder, MEMORY_FILE), mapped);
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
    const memory = await MemoryCapture.begin(this.#copier, {
      pid: qemu.identity.pid,
      folder,
      memoryFile: join(folder, MEMORY_FILE),
      memory: this.#memory,
    });
    await memory.copyWhileRunning();
    await qemu.qmp.execute("stop");
    try {
      const save = qemu.qmp.execute("xen-save-devices-state", { filename: file, live: false });
      await Promise.all([save, memory.copyLast()]);
      const { map, copiedBytes } = await memory.settle();
      const state = await readFile(join(folder, file));
      return { state, memory: mappedIn(folder, map), copiedBytes, counters: await this.counters() };
    } finally {
      await qemu.qmp.execute("cont");
    }
  }
}
