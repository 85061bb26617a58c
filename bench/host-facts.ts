/** What the figures depend on: the machine they were measured on, and how busy it was. */
import { readFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";
import type { FloorSource } from "./floor/restore.ts";
import { join } from "node:path";

const GIB = 1024 ** 3;
/** More than this many runnable tasks per core besides our own, and times say as much about them as about us. */
const BUSY_PER_CORE = 0.25;

export interface HostFacts {
  readonly measuredAt: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly qemu: string;
  readonly accelerator: string;
  /** Of the last minute, before the run began. */
  readonly load: number;
  readonly busy: boolean;
}

export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

export async function hostFacts(floor: FloorSource, load: number): Promise<HostFacts> {
  const manifest = JSON.parse(await readFile(join(floor.folder, "manifest.json"), "utf8")) as {
    compatibility: { qemu: { version: string } };
  };
  const cores = cpus().length;
  return {
    measuredAt: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores,
    memoryGib: Math.round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
    qemu: manifest.compatibility.qemu.version,
    accelerator: floor.machine.accelerator,
    load,
    busy: load > BUSY_PER_CORE * cores,
  };
}
