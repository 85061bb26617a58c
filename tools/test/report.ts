/** The table at the end of ./test. */
import { sum, type Counts } from "./counts.ts";
import type { FileDuration } from "./durations.ts";
import type { FailedTest } from "./failures.ts";
import type { SkippedTests } from "./skipped.ts";

export interface StageResult {
  readonly name: string;
  readonly durationMs: number;
  readonly budgetMs: number;
  readonly counts: Counts;
  /** Why the stage failed; undefined when it passed. */
  readonly failure: string | undefined;
  readonly files: readonly FileDuration[];
  readonly failedTests: readonly FailedTest[];
  readonly skipped: readonly SkippedTests[];
}

/** Where the time goes: what is worth a look, and fits on a screen. */
const SLOWEST = 10;
/** A filter by name leaves out nearly all. */
const MAX_SKIPPED = 12;

/** The table, the slowest files, what was not run, what failed, and alone on its last line the totals. */
export function renderReport(results: readonly StageResult[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  const rows = results.map((result) => {
    const taken = seconds(result.durationMs).padStart(9);
    const { passed, failed } = result.counts;
    const ending = result.failure === undefined ? "ok" : `FAILED: ${result.failure}`;
    const counts = `${String(passed).padStart(6)} passed ${String(failed).padStart(4)} failed`;
    return `  ${result.name.padEnd(width)} ${taken} of ${String(result.budgetMs / 1000).padStart(4)} s ${counts}  ${ending}`;
  });
  const total = sum(results.map((result) => result.counts));
  const totals = `${total.passed} passed, ${total.failed} failed`;
  return ["", ...rows, "", ...slowest(results), ...notRun(results), ...whatFailed(results), totals].join(
    "\n",
  );
}

function slowest(results: readonly StageResult[]): readonly string[] {
  const files = results
    .flatMap((result) => result.files)
    .toSorted((a, b) => b.durationMs - a.durationMs)
    .slice(0, SLOWEST);
  if (files.length < 2) return [];
  const rows = files.map(({ path, durationMs }) => `  ${seconds(durationMs).padStart(9)}  ${path}`);
  return [`The slowest files:`, ...rows, ""];
}

function notRun(results: readonly StageResult[]): readonly string[] {
  const rows = results.flatMap(({ name, skipped }) =>
    skipped.map(({ path, count, first }) => `  ${name}: ${count} of ${path}: ${first}`),
  );
  if (rows.length === 0) return [];
  const left = rows.length - MAX_SKIPPED;
  return [
    "Not run:",
    ...rows.slice(0, MAX_SKIPPED),
    ...(left > 0 ? [`  and of ${left} files more`] : []),
    "",
  ];
}

/** Right before the end, as the end is what is seen of a log. A stage of which no test is known to have failed says itself why it did. */
function whatFailed(results: readonly StageResult[]): readonly string[] {
  const rows = results.flatMap(({ name, failure, failedTests }) =>
    failure !== undefined && failedTests.length === 0
      ? [`  ${name}: ${failure}`]
      : failedTests.map((test) => `  ${name}: ${test.name}${test.message === "" ? "" : `: ${test.message}`}`),
  );
  return rows.length === 0 ? [] : ["What failed:", ...rows, ""];
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
