/** The middle of what was measured: one slow round on a busy machine does not move it. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("There is nothing to take the middle of");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** What so many of a hundred stay within. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const found = sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  if (found === undefined) throw new Error("There is nothing to take a percentile of");
  return found;
}

/** Of fewer, 99 in a hundred are all. */
export const MIN_P99_SAMPLES = 100;

/** What 99 of 100 stay within. */
export function p99(samples: readonly number[]): number {
  const beyond = Math.floor(samples.length / MIN_P99_SAMPLES);
  const found = samples.toSorted((a, b) => b - a)[beyond];
  if (found === undefined || beyond === 0) throw new Error(`A p99 needs ${MIN_P99_SAMPLES} samples`);
  return found;
}

/** Runs `work` and returns its milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
