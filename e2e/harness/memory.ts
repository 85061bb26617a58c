/** A process's memory as the kernel counts it: what it has now, and the most it had since it was last asked to forget. */
import { readFile, writeFile } from "node:fs/promises";

const KIB_PER_MIB = 1024;
/** The kernel's word for "the peak is what there is now". */
const RESET_PEAK = "5";

/** Resident now, in MiB; from here on `peakMib` counts. */
export async function startPeak(pid: number | "self"): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, RESET_PEAK);
  return await field(pid, "VmRSS");
}

/** The most that was resident at once since `startPeak`, in MiB. */
export async function peakMib(pid: number | "self"): Promise<number> {
  return await field(pid, "VmHWM");
}

async function field(pid: number | "self", name: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kib === undefined) throw new Error(`process ${pid} has no ${name}`);
  return Number(kib) / KIB_PER_MIB;
}
