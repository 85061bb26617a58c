/** What took longer than it may: each finding is a failure of the run, as a test is. */
import { overlong } from "./durations.ts";
import { seconds, type StageResult } from "./report.ts";
import type { Stage } from "./stages.ts";

export interface Budgeted {
  readonly stage: Stage;
  readonly result: StageResult;
}

/** The results, with a failure where a stage or a file of it took too long; what failed anyway keeps its own reason. */
export function enforceBudgets(all: readonly Budgeted[]): readonly StageResult[] {
  return all.map(({ stage, result }) => {
    const reason = result.failure ?? overBudget(stage, result);
    if (reason === result.failure) return result;
    return {
      ...result,
      failure: reason,
      counts: { ...result.counts, failed: Math.max(1, result.counts.failed) },
    };
  });
}

function overBudget(stage: Stage, result: StageResult): string | undefined {
  if (result.durationMs > result.budgetMs)
    return `took ${seconds(result.durationMs)} of ${result.budgetMs / 1000} s`;
  const [first, ...others] = overlong(stage, result.files);
  if (first === undefined) return undefined;
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  return `${first.path} took ${seconds(first.durationMs)}, a file has ${stage.fileBudgetSec} s${more}`;
}
