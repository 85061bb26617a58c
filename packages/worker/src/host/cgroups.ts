/**
 * A control group per QEMU, where the host has a hierarchy we may write: it bounds the process's threads and gives its memory a name.
 * Version 2 first, else version 1's pids and memory controllers; where neither can be written VMs run without, and `doctor` says so.
 */
import { mkdir, readdir, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";

const PARENT = "fastvm";
/** vCPUs, I/O threads and the main loop need far fewer; a QEMU that forks or threads without end is stopped here. */
const MAX_TASKS = 512;
/** A group can be removed some moments after its last process ended. */
const REMOVE_TRIES = 50;
const REMOVE_RETRY_MS = 10;

export class Cgroups {
  /** One folder per hierarchy, our parent group in it. */
  readonly parents: readonly string[];

  private constructor(parents: readonly string[]) {
    this.parents = parents;
  }

  /** Finds what is writable; never fails. `scope` keeps daemons of different data folders apart. */
  static async open(scope: string, root = "/sys/fs/cgroup"): Promise<Cgroups> {
    for (const hierarchies of [[root], [join(root, "pids"), join(root, "memory")]]) {
      const parents = await makeParents(hierarchies, scope);
      if (parents.length > 0) return new Cgroups(parents);
    }
    return new Cgroups([]);
  }

  /** Makes a group, in each hierarchy, for a process to be started in; returns their folders. */
  async make(name: string): Promise<readonly string[]> {
    const groups = this.parents.map((parent) => join(parent, name));
    for (const group of groups) {
      await mkdir(group, { recursive: true });
      await writeFile(join(group, "pids.max"), `${MAX_TASKS}`).catch(() => undefined);
    }
    return groups;
  }

  /** Removes an empty group; resolves also when there is none. */
  async remove(name: string): Promise<void> {
    for (const parent of this.parents) await removeGroup(join(parent, name));
  }

  /** Names of the groups that exist, for the sweep after a restart. */
  async list(): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const parent of this.parents) {
      for (const entry of await readdir(parent, { withFileTypes: true })) {
        if (entry.isDirectory()) names.add(entry.name);
      }
    }
    return [...names];
  }

  /** Removes our parent groups when the last VM is gone. */
  async close(): Promise<void> {
    for (const parent of this.parents) await rmdir(parent).catch(() => undefined);
  }
}

async function makeParents(hierarchies: readonly string[], scope: string): Promise<readonly string[]> {
  const parents: string[] = [];
  for (const hierarchy of hierarchies) {
    try {
      await stat(join(hierarchy, "cgroup.procs"));
      const parent = join(hierarchy, `${PARENT}-${scope}`);
      await mkdir(parent, { recursive: true });
      parents.push(parent);
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EACCES", "EPERM", "EROFS", "ENOTDIR")) throw error;
    }
  }
  return parents;
}

async function removeGroup(group: string): Promise<void> {
  for (let tried = 0; tried < REMOVE_TRIES; tried++) {
    try {
      await rmdir(group);
      return;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      if (!isErrno(error, "EBUSY")) throw error;
    }
    await sleep(REMOVE_RETRY_MS);
  }
}
