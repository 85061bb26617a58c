/** The files through which each version of control groups is told the same things. */

export type Controller = "memory" | "cpu" | "pids" | "io";

/** What one group gets of the host. */
export interface GroupLimits {
  readonly memoryBytes: number;
  /** Against other groups: 100 is an ordinary one's, as in version 2. */
  readonly cpuWeight: number;
  readonly tasks: number;
}

export interface Setting {
  readonly file: string;
  readonly value: (limits: GroupLimits) => string;
}

const MIN_WEIGHT = 1;
export const MAX_WEIGHT = 10_000;
/** Version 1 counts an ordinary group's as this. */
const SHARES_PER_WEIGHT = 1024 / 100;
const MAX_SHARES = 262_144;
/** Of disks every VM has the same, so that one which writes without end leaves the others theirs. */
const IO_WEIGHT = 100;

function bounded(weight: number): number {
  return Math.min(MAX_WEIGHT, Math.max(MIN_WEIGHT, Math.round(weight)));
}

function shares({ cpuWeight }: GroupLimits): string {
  return `${Math.min(MAX_SHARES, Math.round(bounded(cpuWeight) * SHARES_PER_WEIGHT))}`;
}

const tasks: Setting = { file: "pids.max", value: (limits) => `${limits.tasks}` };

/** Of those of a controller the first one counts that a group has: kernels differ in how they weigh disks. */
export const SETTINGS: Readonly<Record<1 | 2, Readonly<Record<Controller, readonly Setting[]>>>> = {
  1: {
    memory: [{ file: "memory.limit_in_bytes", value: (limits) => `${limits.memoryBytes}` }],
    cpu: [{ file: "cpu.shares", value: shares }],
    pids: [tasks],
    io: ["blkio.bfq.weight", "blkio.weight"].map((file) => ({ file, value: () => `${IO_WEIGHT}` })),
  },
  2: {
    memory: [{ file: "memory.max", value: (limits) => `${limits.memoryBytes}` }],
    cpu: [{ file: "cpu.weight", value: (limits) => `${bounded(limits.cpuWeight)}` }],
    pids: [tasks],
    io: ["io.bfq.weight", "io.weight"].map((file) => ({ file, value: () => `default ${IO_WEIGHT}` })),
  },
};

/** A line `oom_kill <count>` in each: processes that the kernel ended for want of memory. */
export const OOM_FILES: Readonly<Record<1 | 2, string>> = { 1: "memory.oom_control", 2: "memory.events" };

/** Version 1 has a hierarchy for each. */
export const HIERARCHIES: Readonly<Record<Controller, string>> = {
  memory: "memory",
  cpu: "cpu",
  pids: "pids",
  io: "blkio",
};
