/** Which tests of a stage were not run, by file, from vitest's report: for want of something that a machine or a clone lacks. */
import { relative } from "node:path";

export interface SkippedTests {
  /** From the root of the repository. */
  readonly path: string;
  readonly count: number;
  /** Full name of the first, which says why where its file does. */
  readonly first: string;
}

interface VitestFile {
  readonly name?: unknown;
  readonly assertionResults?: readonly VitestTest[];
}

interface VitestTest {
  readonly title?: unknown;
  readonly ancestorTitles?: readonly unknown[];
  readonly status?: unknown;
}

const NOT_RUN: ReadonlySet<unknown> = new Set(["skipped", "pending", "todo"]);

/** None when it is no such report. */
export function skippedOfVitest(report: string, root: string): readonly SkippedTests[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(report);
  } catch {
    // The process ended before it wrote the report; the stage says how.
    return [];
  }
  const results: unknown = (parsed as { testResults?: unknown } | null)?.testResults;
  if (!Array.isArray(results)) return [];
  return results.flatMap(({ name, assertionResults = [] }: VitestFile) => {
    const [first, ...others] = assertionResults.filter(({ status }) => NOT_RUN.has(status));
    if (first === undefined) return [];
    const title = [...(first.ancestorTitles ?? []), first.title].filter((part) => part !== "").join(" > ");
    return [{ path: relative(root, String(name)), count: 1 + others.length, first: title }];
  });
}
