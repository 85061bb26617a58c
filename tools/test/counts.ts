/** How many tests of a stage passed and failed. A stage that failed never counts as zero failures. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The sum of all suites in what vitest's JSON reporter wrote; undefined when it is no such report. */
export function countsOfVitest(report: string): Counts | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(report);
  } catch {
    // The process ended before it wrote the report; the exit code tells the rest.
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const passed = "numPassedTests" in parsed ? parsed.numPassedTests : undefined;
  const failed = "numFailedTests" in parsed ? parsed.numFailedTests : undefined;
  return typeof passed === "number" && typeof failed === "number" ? { passed, failed } : undefined;
}

/** The sum of all lines `N passed, N failed` in a program's output; undefined when there is none. */
export function countsOfOutput(output: string): Counts | undefined {
  const lines = [...output.matchAll(/\b(\d+) passed, (\d+) failed\b/g)];
  if (lines.length === 0) return undefined;
  return sum(lines.map(([, passed, failed]) => ({ passed: Number(passed), failed: Number(failed) })));
}

/** What a stage adds to the total: its own counts, made to agree with how it ended. */
export function settle(counts: Counts | undefined, succeeded: boolean): Counts {
  if (counts === undefined) return succeeded ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  return succeeded ? counts : { passed: counts.passed, failed: Math.max(1, counts.failed) };
}

export function sum(all: readonly Counts[]): Counts {
  const passed = all.reduce((total, counts) => total + counts.passed, 0);
  const failed = all.reduce((total, counts) => total + counts.failed, 0);
  return { passed, failed };
}
