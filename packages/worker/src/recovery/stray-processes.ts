/** QEMU processes that work in our folders but belong to no VM: a daemon was killed between starting and recording them. */
import { readdir } from "node:fs/promises";
import { identifyProcess, killAndWait, workingFolder } from "../processes/proc.ts";

/** A process is known by the folder it works in, which only ours have and which survives renames. */
export async function killStrayProcesses(
  folder: string,
  owned: ReadonlySet<number | undefined>,
): Promise<void> {
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || owned.has(pid) || pid === process.pid) continue;
    const cwd = await workingFolder(pid);
    if (cwd === undefined || !isWithin(cwd, folder)) continue;
    const identity = await identifyProcess(pid);
    if (identity !== undefined) await killAndWait(identity);
  }
}

/** The kernel appends ` (deleted)` to the name of a folder that is gone. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
