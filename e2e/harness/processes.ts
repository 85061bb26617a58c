/** The QEMU processes of one data folder, seen from outside: by the folder they work in. */
import { readdir, readFile, readlink } from "node:fs/promises";

export interface FoundProcess {
  readonly pid: number;
  /** Relative to the data folder, for example `vms/<id>`. */
  readonly folder: string;
  /** Clock ticks since boot: with the pid it names one process for good. */
  readonly startTime: string;
}

export async function processesIn(dataDir: string): Promise<FoundProcess[]> {
  const found: FoundProcess[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => "");
    if (!cwd.startsWith(`${dataDir}/`)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "latin1").catch(() => "");
    if (stat === "") continue;
    const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    found.push({ pid: Number(entry), folder: cwd.slice(dataDir.length + 1), startTime });
  }
  return found.toSorted((a, b) => a.pid - b.pid);
}

/** The QEMU of one VM. */
export async function processOf(dataDir: string, vmId: string): Promise<FoundProcess> {
  const found = (await processesIn(dataDir)).find(({ folder }) => folder === `vms/${vmId}`);
  if (found === undefined) throw new Error(`VM ${vmId} has no process`);
  return found;
}
