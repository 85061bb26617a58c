/** QEMU processes that work in our folders but belong to no VM: a daemon was killed between starting and recording them. */
import { readdir } from "node:fs/promises";
import { isSlotName } from "../pool/slot-name.ts";
import { commandLine, identifyProcess, killAndWait, workingFolder } from "../processes/proc.ts";

/**
 * A process is known by the folder it works in, which only ours have and which survives renames, and by the name we gave it: a person's shell may well stand
 * in our folders.
 */
export async function killStrayProcesses(
  folder: string,
  owned: ReadonlySet<number | undefined>,
): Promise<void> {
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || owned.has(pid) || pid === process.pid) continue;
    const cwd = await workingFolder(pid);
    if (cwd === undefined || !isWithin(cwd, folder) || !(await isOurQemu(pid))) continue;
    const identity = await identifyProcess(pid);
    if (identity !== undefined) await killAndWait(identity);
  }
}

async function isOurQemu(pid: number): Promise<boolean> {
  const args = (await commandLine(pid)).split("\0");
  return isSlotName(args[args.indexOf("-name") + 1] ?? "");
}

/** The kernel appends ` (deleted)` to the name of a folder that is gone. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
