/**
 * What Node keeps of the code that it has translated for daemons of this machine: `compile/<version of Node>/`, a file for each module of
 * each release and clone. Nobody asks for those of a release that is gone, and Node removes none. Whose file goes is slower once.
 */
import { lstatSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";

export const COMPILED = "compile";
/**
 * Beyond either goes what was not read for the longest time. A release has 13 files; clones that run from their source have 1,500 each,
 * and 21,000 of them cost each daemon that starts half a second of a processor to look at.
 */
const MAX = { bytes: 128 * 1024 * 1024, files: 1_600 };
const UNUSED_MS = 30 * 24 * 3_600_000;
/** The kernel notes a reading once a day, and not on every filesystem. */
const OTHERS_UNUSED_MS = 2 * 24 * 3_600_000;
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;
/** Between two turns of others: to look is quicker than to have another thread look. */
const LOOKED_AT_ONCE = 64;

interface CompiledFile {
  /** Of Node, as the folder is called. */
  readonly version: string;
  readonly path: string;
  /** Read or written. */
  readonly lastUseMs: number;
  readonly identity: string;
  readonly bytes: number;
}

export async function listCompiledCode(cacheFolder: string): Promise<readonly CompiledFile[]> {
  const root = join(cacheFolder, COMPILED);
  const files: CompiledFile[] = [];
  for (const version of await namesIn(root)) {
    const names = await namesIn(join(root, version));
    for (let at = 0; at < names.length; at += LOOKED_AT_ONCE) {
      const some = names.slice(at, at + LOOKED_AT_ONCE);
      files.push(
        ...some.map((name) => look(version, join(root, version, name))).filter((file) => file !== undefined),
      );
      await setImmediate();
    }
  }
  return files;
}

/** `current`: the folder of the Node that runs. */
export async function trimCompiledCode(
  cacheFolder: string,
  current: string | undefined,
  max: { readonly bytes?: number; readonly files?: number } = {},
): Promise<void> {
  const { bytes: maxBytes, files: maxFiles } = { ...MAX, ...max };
  const now = Date.now();
  const newestFirst = (await listCompiledCode(cacheFolder)).toSorted((a, b) => b.lastUseMs - a.lastUseMs);
  let kept = 0;
  let files = 0;
  for (const { version, path, lastUseMs, bytes } of newestFirst) {
    const unusedMs = version === current ? UNUSED_MS : OTHERS_UNUSED_MS;
    if (lastUseMs > now - unusedMs && kept + bytes <= maxBytes && files < maxFiles) {
      kept += bytes;
      files++;
    } else await rm(path, { force: true });
  }
  for (const version of await namesIn(join(cacheFolder, COMPILED)))
    if (version !== current) await removeIfEmpty(join(cacheFolder, COMPILED, version));
}

/** `undefined` of what is no file, or gone. */
function look(version: string, path: string): CompiledFile | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return undefined;
  const { dev, ino, blocks, atimeMs, mtimeMs } = found;
  const lastUseMs = Math.max(atimeMs, mtimeMs);
  return { version, path, lastUseMs, identity: `${dev}:${ino}`, bytes: blocks * STAT_BLOCK_BYTES };
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "ENOENT", "ENOTDIR")) throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}
