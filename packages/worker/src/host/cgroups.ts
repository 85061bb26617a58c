/**
 * A control group per QEMU, in each hierarchy that the host lets us write: version 2's one, or
 * those of version 1's memory, cpu, pids and blkio. They bound its memory and threads and weigh its
 * processor and disk time. Where something cannot be written VMs run without, and `doctor` says so.
 */
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";
import { MAX_WEIGHT, OOM_FILES } from "./cgroup-files.ts";
import type { Controller, GroupLimits } from "./cgroup-files.ts";
import { findHierarchies, groupOf } from "./cgroup-hierarchy.ts";
import type { Hierarchy } from "./cgroup-hierarchy.ts";

/** vCPUs, I/O threads and the main loop need far fewer; a QEMU that forks or threads without end is stopped here. */
const MAX_TASKS = 512;
/**
 * Beside the guest's memory: the cache of translated code (128 MiB), QEMU itself with its tables of disk
 * layers, and room for the cache of its files, of which the kernel takes back what is too much. A memory
 * file that many map is charged to whoever touches a page first, and is cache in that sense, too.
 */
const OVERHEAD_MIB = 512;
const MIB = 1024 ** 2;
/** A vCPU weighs as much as an ordinary group of version 2, or an ordinary process. */
const WEIGHT_PER_VCPU = 100;
/** What is made ahead of time leaves the processors to VMs that somebody has, and still comes to its end on a busy host. */
const SPARE_WEIGHT_PART = 0.1;
/** The daemon serves all VMs: what it has to do comes before what any of them does. */
const DAEMON_GROUP = "daemon";
/** A group can be removed some moments after its last process ended: what frees it waits this long. */
const REMOVE_TRIES = 50;
const REMOVE_RETRY_MS = 10;
/** On a busy machine they may be seconds, which nobody has to wait for. What is there even then is swept at the next start. */
const LATE_TRIES = 120;
const LATE_RETRY_MS = 500;

interface GroupMachine {
  readonly cpu: number;
  readonly memoryMib: number;
}

/** A removal that nobody waits for any more. */
interface LateRemoval {
  readonly giveUp: AbortController;
  readonly ended: Promise<unknown>;
}

/** Whether the process in a group is somebody's VM or is made ahead of time. */
export type GroupUse = "vm" | "spare";

export class Cgroups {
  readonly #hierarchies: readonly Hierarchy[];
  /** By the group's folder. */
  readonly #late = new Map<string, LateRemoval>();
  /** Where this process was before it joined the daemon's group. */
  #origins: readonly string[] = [];

  private constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies;
  }

  /** Finds what is writable; never fails. `scope` keeps daemons of different data folders apart. */
  static async open(scope: string, root = "/sys/fs/cgroup"): Promise<Cgroups> {
    const cgroups = new Cgroups(await findHierarchies(scope, root));
    await cgroups.#weighAll();
    return cgroups;
  }

  /** What is in force, each controller with the version that it is of. */
  get inForce(): ReadonlyMap<Controller, 1 | 2> {
    return new Map(
      this.#hierarchies.flatMap(({ version, settings }) =>
        [...settings.keys()].map((controller): [Controller, 1 | 2] => [controller, version]),
      ),
    );
  }

  /** Makes a group, in each hierarchy, for a process to be started in; returns their folders. */
  async make(name: string, machine: GroupMachine, use: GroupUse = "vm"): Promise<readonly string[]> {
    return await Promise.all(
      this.#hierarchies.map(async (hierarchy) => {
        // Names come again: what is left of a former group's removal would take this one while it is still empty.
        await this.#endLate(join(hierarchy.parent, name));
        return await makeGroup(hierarchy, name, limitsOf(machine, use));
      }),
    );
  }

  /** What was made ahead of time is somebody's VM from now on. */
  async takeIntoUse(name: string, machine: GroupMachine): Promise<void> {
    for (const { parent, settings } of this.#hierarchies)
      await apply(join(parent, name), settings.get("cpu"), limitsOf(machine));
  }

  /** This process weighs more than any VM from now on. */
  async joinAsDaemon(): Promise<void> {
    const weighing = this.#hierarchies.filter(({ settings }) => settings.has("cpu"));
    const origins = await Promise.all(weighing.map((hierarchy) => groupOf(hierarchy, "self")));
    for (const { parent, settings } of weighing) {
      const group = join(parent, DAEMON_GROUP);
      await mkdir(group, { recursive: true });
      await apply(group, settings.get("cpu"), { ...limitsOf(NO_MACHINE), cpuWeight: MAX_WEIGHT });
      await writeFile(join(group, "cgroup.procs"), `${process.pid}`);
    }
    this.#origins = origins.filter((origin) => origin !== undefined);
  }

  /** Whether the kernel ended a process of this group because there was no memory for it. */
  async ranOutOfMemory(name: string): Promise<boolean> {
    for (const { parent, version, settings } of this.#hierarchies) {
      if (!settings.has("memory")) continue;
      const text = await readFile(join(parent, name, OOM_FILES[version]), "latin1").catch(() => "");
      if (Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0) return true;
    }
    return false;
  }

  /** Those that run in a group; empty when there is none. */
  async processesOf(name: string): Promise<readonly number[]> {
    const found = new Set<number>();
    for (const { parent } of this.#hierarchies) {
      const text = await readFile(join(parent, name, "cgroup.procs"), "latin1").catch(() => "");
      for (const line of text.split("\n")) if (line !== "") found.add(Number(line));
    }
    return [...found];
  }

  /** Removes a group that is empty, or is about to be; resolves also when there is none. */
  async remove(name: string): Promise<void> {
    await Promise.all(this.#hierarchies.map(({ parent }) => this.#remove(join(parent, name))));
  }

  /** Names of the VMs' groups that exist, for the sweep after a restart. */
  async list(): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const { parent } of this.#hierarchies) {
      for (const entry of await readdir(parent, { withFileTypes: true })) {
        if (entry.isDirectory() && entry.name !== DAEMON_GROUP) names.add(entry.name);
      }
    }
    return [...names];
  }

  /** Leaves the daemon's group, and removes what is empty: nothing when the last VM is gone. */
  async close(): Promise<void> {
    for (const origin of this.#origins) {
      await writeFile(join(origin, "cgroup.procs"), `${process.pid}`).catch(() => undefined);
    }
    for (const { parent } of this.#hierarchies) {
      await rmdir(join(parent, DAEMON_GROUP)).catch(() => undefined);
      await rmdir(parent).catch(() => undefined);
    }
  }

  async #remove(group: string): Promise<void> {
    if ((await isRemoved(group, REMOVE_TRIES, REMOVE_RETRY_MS)) || this.#late.has(group)) return;
    const giveUp = new AbortController();
    const ended = isRemoved(group, LATE_TRIES, LATE_RETRY_MS, giveUp.signal)
      .catch(() => undefined)
      .finally(() => this.#late.delete(group));
    this.#late.set(group, { giveUp, ended });
  }

  async #endLate(group: string): Promise<void> {
    const late = this.#late.get(group);
    late?.giveUp.abort();
    await late?.ended;
  }

  /** All VMs together weigh against the rest of the host as that many ordinary groups as it has processors. */
  async #weighAll(): Promise<void> {
    const cpuWeight = WEIGHT_PER_VCPU * availableParallelism();
    for (const { parent, settings } of this.#hierarchies) {
      await apply(parent, settings.get("cpu"), { ...limitsOf(NO_MACHINE), cpuWeight });
    }
  }
}

const NO_MACHINE: GroupMachine = { cpu: 0, memoryMib: 0 };

function limitsOf({ cpu, memoryMib }: GroupMachine, use: GroupUse = "vm"): GroupLimits {
  return {
    memoryBytes: (memoryMib + OVERHEAD_MIB) * MIB,
    cpuWeight: cpu * WEIGHT_PER_VCPU * (use === "spare" ? SPARE_WEIGHT_PART : 1),
    tasks: MAX_TASKS,
  };
}

async function makeGroup(
  { parent, settings }: Hierarchy,
  name: string,
  limits: GroupLimits,
): Promise<string> {
  const group = join(parent, name);
  await mkdir(group, { recursive: true });
  for (const setting of settings.values()) await apply(group, setting, limits);
  return group;
}

/** Never makes a file: what a group does not have it cannot be told. */
async function apply(
  group: string,
  setting: { file: string; value: (limits: GroupLimits) => string } | undefined,
  limits: GroupLimits,
): Promise<void> {
  if (setting === undefined) return;
  await writeFile(join(group, setting.file), setting.value(limits), { flag: "r+" });
}

async function isRemoved(
  group: string,
  tries: number,
  retryMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  for (let tried = 0; tried < tries; tried++) {
    if (signal?.aborted === true) break;
    try {
      await rmdir(group);
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return true;
      if (!isErrno(error, "EBUSY")) throw error;
    }
    await sleep(retryMs, undefined, { ref: false, signal }).catch(() => undefined);
  }
  return false;
}
