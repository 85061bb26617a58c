/** What /proc says of a process. A pid alone names nobody: it is reused, so a start time goes with it. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTime: number;
  /** Its host's boot, behind which pids and ticks begin anew. Absent of a process that an earlier version knew. */
  readonly boot?: string;
}

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
let boot: Promise<string> | undefined;

/** Killing and reaping takes milliseconds, but freeing gigabytes of memory can take a second. */
const EXIT_DEADLINE_MS = 10_000;
const EXIT_POLL_MS = 5;

/** Not yet waited for; and, for the moment in which it is, dead: whoever takes that for alive sees the ended live again. */
const ENDED: ReadonlySet<string> = new Set(["Z", "X", "x"]);

export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid);
  if (stat === undefined || ENDED.has(stat.state)) return undefined;
  return { pid, startTime: stat.startTime, boot: await presentBoot() };
}

export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  const found = await identifyProcess(process.pid);
  return found?.startTime === process.startTime && (process.boot ?? found.boot) === found.boot;
}

/** Whether its host has not gone down since. */
export async function isOfThisBoot(process: Pick<ProcessIdentity, "boot">): Promise<boolean> {
  return process.boot === undefined || process.boot === (await presentBoot());
}

/** Read once: it is asked for with each process. */
async function presentBoot(): Promise<string> {
  boot ??= readFile(BOOT_ID_FILE, "latin1").then((id) => id.trim());
  try {
    return await boot;
  } catch (error) {
    // Out of descriptors now is not so for ever.
    boot = undefined;
    throw error;
  }
}

/** Sends SIGKILL to exactly this process and waits until it is gone. Resolves at once when it already is. */
export async function killAndWait(identity: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + EXIT_DEADLINE_MS;
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
  while (await isAlive(identity)) {
    if (Date.now() > deadline) throw new Error(`Process ${identity.pid} does not end`);
    await sleep(EXIT_POLL_MS);
  }
}

/** The pids of all that this process can see. */
export async function listProcesses(): Promise<readonly number[]> {
  return (await readdir("/proc")).map(Number).filter(Number.isInteger);
}

/** `undefined` when the process is gone. */
export async function parentOf(pid: number): Promise<number | undefined> {
  return (await readStat(pid))?.parent;
}

/** The folder a process works in; `undefined` when it is gone. */
export async function workingFolder(pid: number): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES")) return undefined;
    throw error;
  }
}

/** Arguments, each ended by NUL; empty when the process is gone. */
export async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES")) return "";
    throw error;
  }
}

async function readStat(
  pid: number,
): Promise<{ state: string; parent: number; startTime: number } | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
  // The command name is in parentheses and may hold anything, parentheses too: fields start after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "Z", parent: Number(fields[1]), startTime: Number(fields[19]) };
}
