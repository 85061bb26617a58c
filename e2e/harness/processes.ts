/** The QEMU processes of one data folder, seen from outside: by the folder they work in, whatever their own root calls it. */
import { readdir, readFile, readlink } from "node:fs/promises";

export interface FoundProcess {
  readonly pid: number;
  /** Relative to the data folder, for example `vms/<id>`. */
  readonly folder: string;
  /** Clock ticks since boot: with the pid it names one process for good. */
  readonly startTime: string;
}

/** What `/proc/PID/stat` and its working directory say. */
interface Seen {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
  readonly startTime: string;
  readonly cwd: string;
}

/** Of the program that stays beside each QEMU. It works in the VM's folder, by whatever name that goes, and sees the host as we do. */
const SUPERVISOR = "confine";

/** A supervisor that has lost its QEMU counts as a process itself, as does everything else that works in the folder. */
export async function processesIn(dataDir: string): Promise<FoundProcess[]> {
  const all = (await Promise.all((await readdir("/proc")).map(look))).filter((seen) => seen !== undefined);
  const found = all
    .filter(({ cwd }) => cwd.startsWith(`${dataDir}/`))
    .flatMap((seen) => {
      const folder = seen.cwd.slice(dataDir.length + 1);
      const children = seen.name === SUPERVISOR ? all.filter(({ parent }) => parent === seen.pid) : [];
      return (children.length > 0 ? children : [seen]).map(({ pid, startTime }) => ({
        pid,
        folder,
        startTime,
      }));
    });
  // Where QEMU has no root of its own it is found twice.
  const byPid = new Map(found.map((process) => [process.pid, process]));
  return [...byPid.values()].toSorted((a, b) => a.pid - b.pid);
}

/** What an end of the host would signal: supervisors as well. */
export async function everyPidIn(dataDir: string): Promise<number[]> {
  const all = (await Promise.all((await readdir("/proc")).map(look))).filter((seen) => seen !== undefined);
  const inside = new Set(all.filter(({ cwd }) => cwd.startsWith(`${dataDir}/`)).map(({ pid }) => pid));
  return all.filter(({ pid, parent }) => inside.has(pid) || inside.has(parent)).map(({ pid }) => pid);
}

/** The QEMU of one VM. */
export async function processOf(dataDir: string, vmId: string): Promise<FoundProcess> {
  const found = (await processesIn(dataDir)).find(({ folder }) => folder === `vms/${vmId}`);
  if (found === undefined) throw new Error(`VM ${vmId} has no process`);
  return found;
}

async function look(entry: string): Promise<Seen | undefined> {
  if (!/^\d+$/.test(entry)) return undefined;
  const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => "");
  const stat = await readFile(`/proc/${entry}/stat`, "latin1").catch(() => "");
  const nameEnd = stat.lastIndexOf(")");
  if (nameEnd < 0) return undefined;
  const fields = stat.slice(nameEnd + 2).split(" ");
  return {
    pid: Number(entry),
    name: stat.slice(stat.indexOf("(") + 1, nameEnd),
    parent: Number(fields[1]),
    startTime: fields[19] ?? "",
    cwd,
  };
}
