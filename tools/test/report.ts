/** The table at the end of ./test. */
import { sum, type Counts } from "./counts.ts";
import type { FileDuration } from "./durations.ts";

export interface StageResult {
  readonly name: string;
  readonly durationMs: number;
  readonly budgetMs: number;
  readonly counts: Counts;
  /** Why the stage failed; undefined when it passed. */
  readonly failure: string | undefined;
  readonly files: readonly FileDuration[];
}

/** Where the time goes: what is worth a look, and fits on a screen. */
const SLOWEST = 10;

/** The table, the slowest files, and alone on its last line the totals. */
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
  return ["", ...rows, "", ...slowest(results), `${total.passed} passed, ${total.failed} failed`].join("\n");
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

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
