/**
 * For tests: a folder with every kind of file and name, and a list of what a folder holds that
 * can be compared. Both are Python's, which knows attributes and holes and runs in a VM too.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const MAKE_EVERY_KIND = fileURLToPath(new URL("./every-kind/make.py", import.meta.url));
export const LIST_MANIFEST = readFileSync(new URL("./every-kind/list.py", import.meta.url), "utf8");

export interface Fact {
  readonly path: string;
  /** Nanoseconds since 1970. */
  readonly time: string;
  /** Hash of the bytes that are there, and from where to where they lie. */
  readonly data: readonly [string, readonly (readonly [number, number])[]] | null;
  readonly attributes: Readonly<Record<string, string>>;
}

export async function makeEveryKind(folder: string): Promise<void> {
  await promisify(execFile)("python3", [MAKE_EVERY_KIND, folder]);
}

export async function manifestOf(folder: string): Promise<readonly Fact[]> {
  const { stdout } = await promisify(execFile)("python3", ["-c", LIST_MANIFEST, folder]);
  return JSON.parse(stdout) as Fact[];
}
