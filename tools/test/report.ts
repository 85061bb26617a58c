/** The table at the end of ./test. */
import { sum, type Counts } from "./counts.ts";

export interface StageResult {
  readonly name: string;
  readonly durationMs: number;
  readonly counts: Counts;
  /** Why the stage failed; undefined when it passed. */
  readonly failure: string | undefined;
}

/** The table, and alone on its last line the totals. */
export function renderReport(results: readonly StageResult[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  const rows = results.map((result) => {
    const seconds = `${(result.durationMs / 1000).toFixed(1)} s`.padStart(9);
    const { passed, failed } = result.counts;
    const ending = result.failure === undefined ? "ok" : `FAILED: ${result.failure}`;
    return `  ${result.name.padEnd(width)} ${seconds} ${String(passed).padStart(6)} passed ${String(failed).padStart(4)} failed  ${ending}`;
  });
  const total = sum(results.map((result) => result.counts));
  return ["", ...rows, "", `${total.passed} passed, ${total.failed} failed`].join("\n");
}
