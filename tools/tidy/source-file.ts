/** The files that git tracks, as the tidy rules see them. */
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What a rule objects to, as one line: file, reason, remedy. */
export type Finding = string;

export function trackedFiles(root: string): readonly SourceFile[] {
  const listing = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  return listing
    .split("\0")
    .filter((path) => path !== "" && isRegularFile(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** A file that is deleted but not yet committed as deleted is still listed. */
function isRegularFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Tests, and what only tests import, have more freedom than the product. */
export function isTestCode(path: string): boolean {
  return path.endsWith(".test.ts") || path.includes("/testing/") || path.startsWith("e2e/");
}
