/** Our parent group in one hierarchy of control groups, and what the kernel lets us bound in the groups below it. */
import { mkdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../files/errno.ts";
import { HIERARCHIES, SETTINGS } from "./cgroup-files.ts";
import type { Controller, Setting } from "./cgroup-files.ts";

export interface Hierarchy {
  readonly version: 1 | 2;
  /** Where the host has it mounted. */
  readonly root: string;
  /** Ours in it. */
  readonly parent: string;
  /** Of those that act here. */
  readonly settings: ReadonlyMap<Controller, Setting>;
}

const PARENT = "fastvm";
const PROBE = "probe";
const CONTROLLERS = Object.keys(HIERARCHIES) as readonly Controller[];
/** What a host says that does not let us. */
const REFUSALS = [
  "ENOENT",
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EBUSY",
  "EINVAL",
  "EOPNOTSUPP",
  "ENODEV",
] as const;

/** `scope` keeps daemons of different data folders apart. Empty where nothing can be written. */
export async function findHierarchies(scope: string, root: string): Promise<readonly Hierarchy[]> {
  const name = `${PARENT}-${scope}`;
  if (await exists(join(root, "cgroup.controllers"))) {
    for (const controller of CONTROLLERS) await enable(root, controller);
    const found = await openHierarchy(2, root, name, CONTROLLERS);
    return found === undefined ? [] : [found];
  }
  const found = await Promise.all(
    CONTROLLERS.map((controller) =>
      openHierarchy(1, join(root, HIERARCHIES[controller]), name, [controller]),
    ),
  );
  return found.filter((hierarchy) => hierarchy !== undefined);
}

async function openHierarchy(
  version: 1 | 2,
  root: string,
  name: string,
  controllers: readonly Controller[],
): Promise<Hierarchy | undefined> {
  const parent = join(root, name);
  try {
    await stat(join(root, "cgroup.procs"));
    await mkdir(parent, { recursive: true });
  } catch (error) {
    if (isErrno(error, ...REFUSALS)) return undefined;
    throw error;
  }
  if (version === 2) for (const controller of controllers) await enable(parent, controller);
  return { version, root, parent, settings: await findSettings(version, parent, controllers) };
}

/** Groups below `folder` are bounded by it from then on. In a container whose own processes are in its root this is refused. */
async function enable(folder: string, controller: Controller): Promise<void> {
  try {
    await writeFile(join(folder, "cgroup.subtree_control"), `+${controller}`, { flag: "r+" });
  } catch (error) {
    if (!isErrno(error, ...REFUSALS)) throw error;
  }
}

/** A group that is made to be looked at has the files that all will have. */
async function findSettings(
  version: 1 | 2,
  parent: string,
  controllers: readonly Controller[],
): Promise<ReadonlyMap<Controller, Setting>> {
  const probe = join(parent, PROBE);
  const found = new Map<Controller, Setting>();
  await mkdir(probe, { recursive: true });
  for (const controller of controllers) {
    for (const setting of SETTINGS[version][controller]) {
      if (!found.has(controller) && (await exists(join(probe, setting.file)))) found.set(controller, setting);
    }
  }
  await rmdir(probe);
  return found;
}

/** Which group of this hierarchy a process is in, as a folder. */
export async function groupOf(
  { version, root }: Hierarchy,
  pid: number | "self",
): Promise<string | undefined> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, "latin1")).split("\n");
  const controllers = root.split("/").at(-1);
  for (const line of lines) {
    const [, number, names = "", path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    const isIt = version === 2 ? number === "0" : names.split(",").includes(controllers ?? "");
    if (isIt && path !== undefined) return join(root, path);
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
