/** From what Linux says under /proc, and df(1), to figures. */

export interface Figures {
  readonly at: number;
  readonly cpuCount: number;
  /** Since the guest's start, in ticks of all processors together. */
  readonly busyTicks: number;
  readonly totalTicks: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  /** Of the root filesystem; `null` where the image has no df. */
  readonly disk: { readonly totalBytes: number; readonly usedBytes: number } | null;
  readonly processes: readonly GuestProcess[];
}

export interface GuestProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
  readonly state: string;
  readonly ticks: number;
  readonly memoryBytes: number;
}

/** Of x86-64. */
const PAGE_BYTES = 4096;
const KIB = 1024;
/** Where fields of /proc/PID/stat stand behind the name: the state is the first. proc_pid_stat(5). */
const [PARENT, USER_TIME, SYSTEM_TIME, RESIDENT] = [1, 11, 12, 21] as const;
/** Idle, and waiting for disks. */
const IDLE_FIELDS: readonly number[] = [3, 4];
/** Guests of the guest are counted in its own time as well. */
const COUNTED_FIELDS = 8;

/** `undefined` for a text that is none of Linux. */
export function parseFigures(text: string, at: number): Figures | undefined {
  const lines = text.split("\n");
  const cpu = lines.find((line) => line.startsWith("cpu "));
  const memoryTotal = kibibytes(lines, "MemTotal:");
  const available = kibibytes(lines, "MemAvailable:") ?? kibibytes(lines, "MemFree:");
  if (cpu === undefined || memoryTotal === undefined || available === undefined) return undefined;
  const ticks = numbers(cpu).slice(0, COUNTED_FIELDS);
  const totalTicks = ticks.reduce((sum, value) => sum + value, 0);
  const idle = IDLE_FIELDS.reduce((sum, index) => sum + (ticks[index] ?? 0), 0);
  return {
    at,
    cpuCount: lines.filter((line) => /^cpu\d/.test(line)).length,
    busyTicks: totalTicks - idle,
    totalTicks,
    memoryTotalBytes: memoryTotal,
    memoryUsedBytes: Math.max(0, memoryTotal - available),
    disk: diskOf(lines),
    processes: lines.flatMap((line) => processOf(line) ?? []),
  };
}

/** Of all its processors, between two looks. `null` when no time went by. */
export function cpuPercent(before: Figures | undefined, now: Figures): number | null {
  const total = now.totalTicks - (before?.totalTicks ?? 0);
  const busy = now.busyTicks - (before?.busyTicks ?? 0);
  if (total <= 0) return null;
  return Math.round(Math.min(Math.max(busy / total, 0), 1) * 10_000) / 100;
}

function numbers(line: string): number[] {
  return line.trim().split(/\s+/).slice(1).map(Number);
}

function kibibytes(lines: readonly string[], name: string): number | undefined {
  const [value] = numbers(lines.find((line) => line.startsWith(name)) ?? "");
  return value === undefined || Number.isNaN(value) ? undefined : value * KIB;
}

/** df -Pk: what it is, its size, used, available, in percent, where it is. */
function diskOf(lines: readonly string[]): Figures["disk"] {
  for (const line of lines) {
    const match = /^\S.*\s(\d+)\s+(\d+)\s+\d+\s+\d+%\s+\/$/.exec(line);
    if (match !== null) return { totalBytes: Number(match[1]) * KIB, usedBytes: Number(match[2]) * KIB };
  }
  return null;
}

/** A name may have spaces and brackets in it. */
function processOf(line: string): GuestProcess | undefined {
  const match = /^(\d+) \((.*)\) ([A-Za-z]) (.*)$/.exec(line);
  if (match === null) return undefined;
  const [, pid, command = "", state = "", rest = ""] = match;
  const fields = [state, ...rest.split(" ")].map(Number);
  const field = (index: number): number => fields[index] ?? 0;
  return {
    pid: Number(pid),
    parentPid: field(PARENT),
    command,
    state,
    ticks: field(USER_TIME) + field(SYSTEM_TIME),
    memoryBytes: field(RESIDENT) * PAGE_BYTES,
  };
}
