/**
 * Whether the host has room for more VMs, by what is really free: guests share most of their memory, so promises say little. What
 * is free now is not free for good: VMs that run may grow, and those that are just being started have not yet taken what they need.
 */
import { statfs } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";
import { readHostMemory } from "../../host/memory.ts";
import type { WorkerConfig } from "../../config.ts";
import type { Vm } from "./vm.ts";

/** Below this the next write of any running VM may fail. */
const RESERVE_DISK_BYTES = 256 * 1024 * 1024;
/** What a VM takes until it stands still: an idle one has 50 to 70 MiB of its own, and QEMU some more while it starts. */
const START_MIB = 128;
/**
 * What a VM that runs may yet take, as a part of its memory: 32 MiB of 2 GiB. Most idle;
 * one that fills its memory is why there is an overcommit to be set.
 */
const GROWTH = 1 / 64;

type Settings = Pick<WorkerConfig, "dataDir" | "reserveMib">;
type Vms = ReadonlyMap<string, Pick<Vm, "record">>;

export class Admission {
  readonly #config: Settings;
  readonly #vms: Vms;
  /** VMs that are being started. */
  #starting = 0;

  constructor(config: Settings, vms: Vms) {
    this.#config = config;
    this.#vms = vms;
  }

  /** Rejects with `out_of_capacity` or `out_of_disk`. Disposed of when these many VMs have started, or failed to. */
  async admit(count = 1): Promise<Disposable> {
    this.#starting += count;
    const left = (): void => void (this.#starting -= count);
    try {
      this.#assertMemory();
      await assertDiskRoom(this.#config.dataDir);
    } catch (error) {
      left();
      throw error;
    }
    return { [Symbol.dispose]: left };
  }

  #assertMemory(): void {
    const { availableMib, group } = readHostMemory();
    const neededMib = this.#neededMib();
    if (availableMib >= neededMib) return;
    const whose = group === undefined ? "the host's memory" : `the memory of the control group ${group}`;
    throw new FastvmError(
      "out_of_capacity",
      `${availableMib} MiB of ${whose} are free, ${neededMib} are needed`,
    );
  }

  #neededMib(): number {
    let growthMib = 0;
    for (const { record } of this.#vms.values()) {
      if (record.phase === "running") growthMib += record.machine.memoryMib * GROWTH;
    }
    return Math.ceil(this.#config.reserveMib + growthMib + this.#starting * START_MIB);
  }
}

/** Rejects with `out_of_disk`. */
export async function assertDiskRoom(dataDir: string): Promise<void> {
  const { freeBytes } = await diskRoom(dataDir);
  if (freeBytes < RESERVE_DISK_BYTES) throw new FastvmError("out_of_disk");
}

/** Of the filesystem that a folder lies on. */
export async function diskRoom(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
