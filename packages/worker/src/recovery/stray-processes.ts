/** QEMU processes in our folders that belong to no VM: a daemon was killed between starting and recording them. */
import { isSlotName } from "../pool/slot-name.ts";
import {
  commandLine,
  identifyProcess,
  killAndWait,
  listProcesses,
  parentOf,
  workingFolder,
} from "../processes/proc.ts";

/**
 * A QEMU sees a root of its own, so it is found by its supervisor, who works in the folder that only ours have
 * and whose name for it follows renames, and by the name we gave both: a person's shell may well stand in our
 * folders. Where QEMU has no root of its own, and of daemons before this, it is found like that itself.
 */
export async function killStrayProcesses(
  folder: string,
  owned: ReadonlySet<number | undefined>,
): Promise<void> {
  const supervisors = await parentsOf(owned);
  for (const pid of await listProcesses()) {
    if (owned.has(pid) || supervisors.has(pid) || pid === process.pid) continue;
    const cwd = await workingFolder(pid);
    if (cwd === undefined || !isWithin(cwd, folder) || !(await isOurs(pid))) continue;
    // First QEMU, so that its supervisor ends by itself.
    for (const stray of [...(await childrenOf(pid)), pid]) await killIfThere(stray);
  }
}

export async function killIfThere(pid: number): Promise<void> {
  const identity = await identifyProcess(pid);
  if (identity !== undefined) await killAndWait(identity);
}

async function isOurs(pid: number): Promise<boolean> {
  const args = (await commandLine(pid)).split("\0");
  return isSlotName(args[args.indexOf("-name") + 1] ?? "");
}

async function parentsOf(pids: ReadonlySet<number | undefined>): Promise<ReadonlySet<number>> {
  const known = [...pids].filter((pid) => pid !== undefined);
  const parents = await Promise.all(known.map((pid) => parentOf(pid)));
  return new Set(parents.filter((parent) => parent !== undefined));
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const children: number[] = [];
  for (const other of await listProcesses()) if ((await parentOf(other)) === pid) children.push(other);
  return children;
}

/** The kernel appends ` (deleted)` to the name of a folder that is gone. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
