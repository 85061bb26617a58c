/**
 * An hour of what each VM that runs used of its host, in memory: a daemon that ends forgets it. Looked at in turn and by what the kernel
 * has counted already, so that neither the guests nor what is being done with them notice.
 */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { UsageHistory, VmId, VmSample } from "@fastvm/contract";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { cpuSecondsOf, countedMemoryOf } from "../../processes/process-usage.ts";
import type { Vm } from "./vm.ts";
import { folderOf } from "./folder-of.ts";
import type { Parts } from "./worker-context.ts";

export const SAMPLE_EVERY_MS = 10_000;
const HOUR_MS = 3_600_000;
const MAX_SAMPLES = HOUR_MS / SAMPLE_EVERY_MS;
/** Of a VM: 360 samples of six numbers of 8 bytes, 17,280 bytes. So all take 17 MiB; VMs beyond these have none. */
const MAX_VMS = 1024;
const COLUMNS = 6;
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;

/** One VM's, oldest overwritten first. */
class Ring {
  readonly #values = new Float64Array(MAX_SAMPLES * COLUMNS);
  #count = 0;

  add({ atMs, cpuPercent, cpuSeconds, residentBytes, ownBytes, diskBytes }: VmSample): void {
    const row = [atMs, cpuPercent, cpuSeconds, residentBytes, ownBytes, diskBytes];
    this.#values.set(row, (this.#count % MAX_SAMPLES) * COLUMNS);
    this.#count += 1;
  }

  get last(): VmSample | undefined {
    return this.#count === 0 ? undefined : this.#at(this.#count - 1);
  }

  /** Oldest first. */
  since(atMs: number): readonly VmSample[] {
    const first = Math.max(0, this.#count - MAX_SAMPLES);
    const all = Array.from({ length: this.#count - first }, (_, index) => this.#at(first + index));
    return all.filter((sample) => sample.atMs >= atMs);
  }

  #at(index: number): VmSample {
    const from = (index % MAX_SAMPLES) * COLUMNS;
    const [atMs = 0, cpuPercent = 0, cpuSeconds = 0, residentBytes = 0, ownBytes = 0, diskBytes = 0] =
      this.#values.subarray(from, from + COLUMNS);
    return { atMs, cpuPercent, cpuSeconds, residentBytes, ownBytes, diskBytes };
  }
}

type HistoryContext = Parts<"config" | "vms" | "onError">;

export class UsageHistories implements Disposable {
  readonly #context: HistoryContext;
  readonly #rings = new Map<VmId, Ring>();
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(context: HistoryContext, now: () => number = Date.now) {
    this.#context = context;
    this.#now = now;
    this.#timer = setInterval(() => this.#lookSoon(), SAMPLE_EVERY_MS);
    this.#timer.unref();
  }

  /** Of the last hour, oldest first. */
  of(vmId: VmId): readonly VmSample[] {
    return this.#rings.get(vmId)?.since(this.#now() - HOUR_MS) ?? [];
  }

  report(vmId: VmId): UsageHistory {
    return { everyMs: SAMPLE_EVERY_MS, samples: this.of(vmId) };
  }

  /** Of those that run, as they were looked at last. */
  latest(): readonly { readonly vmId: VmId; readonly sample: VmSample }[] {
    const oldest = this.#now() - 2 * SAMPLE_EVERY_MS;
    return [...this.#rings].flatMap(([vmId, { last }]) =>
      last === undefined || last.atMs < oldest ? [] : [{ vmId, sample: last }],
    );
  }

  /** At all that run, one after the other. */
  async look(): Promise<void> {
    this.#forget();
    for (const vm of [...this.#context.vms.values()]) {
      const { vmId, phase, process } = vm.record;
      if (phase !== "running" || process === undefined) continue;
      if (!this.#rings.has(vmId) && this.#rings.size >= MAX_VMS) continue;
      const used = await usageOf(this.#context, vm, process.pid);
      // It ended meanwhile.
      if (used === undefined) continue;
      const ring = this.#rings.get(vmId) ?? new Ring();
      this.#rings.set(vmId, ring);
      const atMs = this.#now();
      ring.add({ atMs, ...used, cpuPercent: loadSince(ring.last, used.cpuSeconds, atMs) });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #lookSoon(): void {
    // A host that needs longer than the interval is looked at less often.
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.look()
      .catch(this.#context.onError)
      .finally(() => {
        this.#isLooking = false;
      });
  }

  /** What is gone, and what has not run for an hour. */
  #forget(): void {
    for (const [vmId, { last }] of this.#rings) {
      const isOld = (last?.atMs ?? 0) < this.#now() - HOUR_MS;
      if (isOld || !this.#context.vms.has(vmId)) this.#rings.delete(vmId);
    }
  }
}

/** Between two looks at one process; a new life counts from 0, and begins without. */
function loadSince(last: VmSample | undefined, cpuSeconds: number, atMs: number): number {
  if (last === undefined || atMs <= last.atMs || cpuSeconds < last.cpuSeconds) return 0;
  const percent = (100_000 * (cpuSeconds - last.cpuSeconds)) / (atMs - last.atMs);
  return Math.round(percent * 10) / 10;
}

async function usageOf(
  { config }: HistoryContext,
  vm: Vm,
  pid: number,
): Promise<Omit<VmSample, "atMs" | "cpuPercent"> | undefined> {
  const [cpuSeconds, memory, diskBytes] = await Promise.all([
    cpuSecondsOf(pid),
    countedMemoryOf(pid),
    bytesIn(join(folderOf(config, vm), DISK_FOLDER)),
  ]);
  if (cpuSeconds === undefined || memory === undefined) return undefined;
  return { cpuSeconds, ...memory, diskBytes };
}

/** Of layers that nothing else shares. 0 where the folder is moving. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const layers = await Promise.all(
    names.map((name) => lstat(join(folder, name)).catch(() => ({ blocks: 0, nlink: 0 }))),
  );
  return layers.reduce((sum, { blocks, nlink }) => sum + (nlink === 1 ? blocks * STAT_BLOCK_BYTES : 0), 0);
}
