/**
 * Names of folders that are being built. In a folder that several daemons share, a name tells whose it
 * is, so that a start removes what a killed daemon left and nothing that a living one still writes:
 *
 *   <name>.<pid namespace>-<pid>-<start time>.<uuid>.partial
 */
import { randomUUID } from "node:crypto";
import { readdir, readlink, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { identifyProcess, isAlive } from "../processes/proc.ts";

const PARTIAL_SUFFIX = ".partial";
const OWNED = /\.(?<namespace>\d+)-(?<pid>\d+)-(?<startTime>\d+)\.[0-9a-f-]{36}\.partial$/;

/**
 * Of a daemon in another container, or of a version that did not sign its name, nobody here can tell whether it
 * lives. Nothing takes so long between two writes: the longest step, a copy of the base, ends after ten minutes.
 */
const ABANDONED_AFTER_MS = 3_600_000;

/** Unique, since two daemons may make the same thing at once: the later one finds the final name taken. */
export async function newPartialFolder(folder: string): Promise<string> {
  const self = await identifyProcess(process.pid);
  const owner = `${await pidNamespace()}-${process.pid}-${self?.startTime ?? 0}`;
  return `${folder}.${owner}.${randomUUID()}${PARTIAL_SUFFIX}`;
}

/** `all`: in a folder that no other daemon uses. Does nothing where there is no such folder. */
export async function removePartials(folder: string, which: "all" | "abandoned"): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(PARTIAL_SUFFIX)) continue;
    const path = join(folder, name);
    if (which === "all" || (await isAbandoned(path))) await rm(path, { recursive: true, force: true });
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const owner = OWNED.exec(basename(path))?.groups;
  if (owner?.["namespace"] === (await pidNamespace())) {
    return !(await isAlive({ pid: Number(owner["pid"]), startTime: Number(owner["startTime"]) }));
  }
  return (await lastWriteMs(path)) < Date.now() - ABANDONED_AFTER_MS;
}

/** `pid:[4026531836]` without what is around the number. */
async function pidNamespace(): Promise<string> {
  return /\d+/.exec(await readlink("/proc/self/ns/pid"))?.[0] ?? "";
}

async function lastWriteMs(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const times = await Promise.all(
    ["", ...names].map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0),
  );
  return Math.max(...times);
}
