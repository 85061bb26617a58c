/**
 * Whoever makes a namespace of mounts has a copy of each mount of the host, also of volumes', and where mounts are private, as in
 * containers, our unmount is not told to it: it would have the volume for as long as it lives.
 */
import { readFile, readlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { listProcesses } from "../processes/proc.ts";
import { runTool } from "../processes/spawn.ts";
import { parseMounts } from "./mount-table.ts";

/** It executes nothing there: a container's programs are not ours to run as the host's root. */
const PROGRAM = fileURLToPath(new URL("../../native/build/unmount-copy", import.meta.url));
const TOOL_TIMEOUT_MS = 10_000;

/** Those at that very place and of that device; one in which somebody has a file open, or works, stays. Rejects never. */
export async function unmountCopies(device: string, target: string): Promise<void> {
  const seen = new Set([await namespaceOf("self")]);
  for (const pid of await listProcesses()) {
    const namespace = await namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    if (!(await hasCopy(pid, device, target))) continue;
    await runTool(PROGRAM, [`${pid}`, device, target], { timeoutMs: TOOL_TIMEOUT_MS }).catch(() => undefined);
  }
}

async function namespaceOf(pid: number | "self"): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

async function hasCopy(pid: number, device: string, target: string): Promise<boolean> {
  // It may end at any moment.
  const table = await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
  return parseMounts(table).some(({ path, source }) => path === target && source === device);
}
