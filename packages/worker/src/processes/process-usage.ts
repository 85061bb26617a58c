/** What a process takes of the host: processor time and memory, from /proc. */
import { readFile } from "node:fs/promises";
import { isErrno } from "../files/errno.ts";

/** The unit of processor times in /proc/PID/stat; 100 on every architecture that Linux shows to user space. */
const TICKS_PER_SECOND = 100;

/** User and system time of all threads, in seconds; `undefined` when the process is gone. */
export async function cpuSecondsOf(pid: number): Promise<number | undefined> {
  const text = await readProc(pid, "stat");
  if (text === undefined) return undefined;
  // The command name may hold spaces and parentheses: fields are counted after the last one, from field 3.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

interface ProcessMemory {
  /** Pages that n processes have mapped count as one nth. */
  readonly residentBytes: number;
  /** Pages that no other process has mapped. */
  readonly ownBytes: number;
}

/** `undefined` when the process is gone. */
export async function memoryOf(pid: number): Promise<ProcessMemory | undefined> {
  const text = await readProc(pid, "smaps_rollup");
  const sumOf = (field: RegExp): number | undefined => {
    const found = [...(text ?? "").matchAll(field)];
    return found.length === 0 ? undefined : found.reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
  };
  const residentBytes = sumOf(/^Pss:\s+(\d+) kB$/gm);
  const ownBytes = sumOf(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm);
  return residentBytes === undefined || ownBytes === undefined ? undefined : { residentBytes, ownBytes };
}

/** As the kernel counts it while pages come and go: cheap however much there is. What is shared counts in full. */
export async function countedMemoryOf(pid: number): Promise<ProcessMemory | undefined> {
  const text = await readProc(pid, "status");
  const bytes = (name: string): number | undefined => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text ?? "")?.[1];
    return found === undefined ? undefined : Number(found) * 1024;
  };
  const [residentBytes, ownBytes] = [bytes("VmRSS"), bytes("RssAnon")];
  // Of a process that has ended and was not waited for yet, the kernel counts nothing any more.
  return residentBytes === undefined || ownBytes === undefined ? undefined : { residentBytes, ownBytes };
}

async function readProc(pid: number, file: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
