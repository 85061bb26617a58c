/** A control group with a limit of memory around a daemon and its VMs, as a container has one, of whichever version the machine has. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

const V1_ROOT = "/sys/fs/cgroup/memory";
const V2_ROOT = "/sys/fs/cgroup";
/** A group is busy until the last process that was killed in it is gone. */
const REMOVED_MS = 30_000;

export class MemoryGroup implements AsyncDisposable {
  readonly #root: string;
  readonly #folder: string;

  static async make(limitMib: number): Promise<MemoryGroup> {
    const isV1 = existsSync(join(V1_ROOT, "memory.limit_in_bytes"));
    const root = isV1 ? V1_ROOT : V2_ROOT;
    if (!isV1) await writeFile(join(root, "cgroup.subtree_control"), "+memory");
    const folder = join(root, `fastvm-limit-${process.pid}`);
    await mkdir(folder);
    await writeFile(join(folder, isV1 ? "memory.limit_in_bytes" : "memory.max"), `${limitMib * 1024 ** 2}`);
    return new MemoryGroup(root, folder);
  }

  private constructor(root: string, folder: string) {
    this.#root = root;
    this.#folder = folder;
  }

  /** Starts a command in the group, which is then the root of all it can see. */
  get starter(): readonly string[] {
    const mount =
      this.#root === V1_ROOT
        ? `mount -t cgroup -o memory none ${V1_ROOT}`
        : `mount -t cgroup2 none ${V2_ROOT}`;
    const inside = `umount ${this.#root} && ${mount} && exec "$@"`;
    const script = `echo $$ > ${this.#folder}/cgroup.procs && exec unshare --cgroup --mount sh -c '${inside}' sh "$@"`;
    return ["sh", "-c", script, "sh"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await eventually(() => removeGroups(this.#folder), REMOVED_MS);
  }
}

async function removeGroups(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroups(join(folder, entry.name));
  }
  await rmdir(folder);
}
