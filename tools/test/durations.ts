/** How long each test file took, from what vitest's JSON reporter wrote, and which took too long. */
import { relative } from "node:path";
import { LONG_FILES, type Stage } from "./stages.ts";

export interface FileDuration {
  /** From the root of the repository. */
  readonly path: string;
  readonly durationMs: number;
}

/** None when it is no such report. */
export function durationsOfVitest(report: string, root: string): readonly FileDuration[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(report);
  } catch {
    // The process ended before it wrote the report.
    return [];
  }
  const results: unknown = (parsed as { testResults?: unknown } | null)?.testResults;
  if (!Array.isArray(results)) return [];
  return results.flatMap((result: { name?: unknown; startTime?: unknown; endTime?: unknown }) => {
    const { name, startTime, endTime } = result;
    if (typeof name !== "string" || typeof startTime !== "number" || typeof endTime !== "number") return [];
    return [{ path: relative(root, name), durationMs: endTime - startTime }];
  });
}

/** Those that the stage's limit for a file refuses. */
export function overlong(stage: Stage, files: readonly FileDuration[]): readonly FileDuration[] {
  const { fileBudgetSec = Infinity } = stage;
  return files.filter(({ path, durationMs }) => durationMs > fileBudgetSec * 1000 && !LONG_FILES.has(path));
}
