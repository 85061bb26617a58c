/**
 * Names of folders that are being built. In a folder that several daemons share, a name tells whose it is, so that a start removes what a
 * killed daemon left and nothing that a living one still writes:
 *
 *   <name>.<owner>.<uuid>.partial
 */
import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { isOwnerAlive, ownerName } from "../processes/owner-name.ts";

const PARTIAL_SUFFIX = ".partial";
const OWNED = /\.(?<owner>[\d-]+)\.[0-9a-f-]{36}\.partial$/;

/**
 * Of a daemon in another container, or of a version that did not sign its name, nobody here can tell whether it lives. Nothing takes so
 * long between two writes: the longest step, a copy of the base, ends after ten minutes.
 */
const ABANDONED_AFTER_MS = 3_600_000;

/** Unique, since two daemons may make the same thing at once: the later one finds the final name taken. */
export async function newPartialFolder(folder: string): Promise<string> {
  return `${folder}.${await ownerName()}.${randomUUID()}${PARTIAL_SUFFIX}`;
}

export function isPartial(name: string): boolean {
  return name.endsWith(PARTIAL_SUFFIX);
}

/** At once, over a power cut too: what is half removed is found under no name that counts. */
export async function removeWhole(folder: string): Promise<void> {
  const partial = await newPartialFolder(folder);
  try {
    await rename(folder, partial);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  await syncPath(dirname(folder));
  await rm(partial, { recursive: true, force: true });
}

/** `all`: in a folder that no other daemon uses. Does nothing where there is no such folder. */
export async function removePartials(folder: string, which: "all" | "abandoned"): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!isPartial(name)) continue;
    const path = join(folder, name);
    if (which === "all" || (await isAbandoned(path))) await rm(path, { recursive: true, force: true });
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const alive = await isOwnerAlive(OWNED.exec(basename(path))?.groups?.["owner"] ?? "");
  return alive === undefined ? (await lastWriteMs(path)) < Date.now() - ABANDONED_AFTER_MS : !alive;
}

async function lastWriteMs(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const times = await Promise.all(
    ["", ...names].map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0),
  );
  return Math.max(...times);
}
