/** What was changed here: against the place where this branch left main, or against the last commit. */
import { execFileSync } from "node:child_process";

export interface Change {
  /** In words: what was compared with what. */
  readonly against: string;
  /** Changed, new and deleted files, from the root of the repository. */
  readonly paths: readonly string[];
}

const MAIN = "main";

/** Commits of this branch, what is in the index, what is not, and new files that are not ignored. */
export function changedFiles(root: string): Change {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const since = (base: string): readonly string[] => {
    const changed = git("diff", "--name-only", "--no-renames", "-z", base, "--");
    const added = git("ls-files", "--others", "--exclude-standard", "-z");
    return [...new Set(`${changed}\0${added}`.split("\0").filter((path) => path !== ""))].toSorted();
  };
  const left = tried(() => git("merge-base", MAIN, "HEAD").trim());
  const head = git("rev-parse", "HEAD").trim();
  if (left !== undefined && left !== head)
    return { against: `${MAIN} at ${left.slice(0, 9)}`, paths: since(left) };
  const uncommitted = since("HEAD");
  if (uncommitted.length > 0) return { against: "the last commit", paths: uncommitted };
  const before = tried(() => git("rev-parse", "HEAD~1").trim());
  if (before === undefined) return { against: "the last commit", paths: [] };
  return { against: `${before.slice(0, 9)}, the commit before the last`, paths: since(before) };
}

/** `undefined` where git says no: there is no such branch, or no such commit in a shallow clone. */
function tried(ask: () => string): string | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
