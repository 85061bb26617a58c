/** Whether one side is slower than the other by more than is allowed, and how far the measurement itself can tell. */
import { median } from "../statistics.ts";
import type { FigureName } from "./round.ts";

/** What a change may cost. */
const ALLOWED_POOL_MS = 2;
const ALLOWED_PART = 0.03;
/** Of the rounds, drawn anew: the middle differences of so many draws say where the true one may lie. */
const DRAWS = 2_000;
const OUTSIDE = 0.005;

export interface Comparison {
  readonly ours: number;
  readonly theirs: number;
  /** Middle of the differences round by round; above 0, ours is slower. */
  readonly difference: number;
  /** Half of the interval in which the true difference lies, 99 times out of 100: nine figures are judged at once. */
  readonly noise: number;
  readonly allowed: number;
  /** `unclear`: the noise is larger than what is asked about. */
  readonly verdict: "within" | "slower" | "unclear";
}

/** Of the same rounds, in the same order. */
export function compare(
  name: FigureName,
  ours: readonly number[],
  theirs: readonly number[],
  random: () => number,
): Comparison {
  const differences = ours.map((one, round) => one - (theirs[round] ?? NaN));
  const allowed = name === "launch from the pool" ? ALLOWED_POOL_MS : ALLOWED_PART * median(theirs);
  const [low, high] = interval(differences, random);
  return {
    ours: median(ours),
    theirs: median(theirs),
    difference: median(differences),
    noise: (high - low) / 2,
    allowed,
    verdict: low > allowed ? "slower" : high <= allowed ? "within" : "unclear",
  };
}

function interval(differences: readonly number[], random: () => number): readonly [number, number] {
  const draw = (): number => differences[Math.floor(random() * differences.length)] ?? NaN;
  const middles = Array.from({ length: DRAWS }, () => median(differences.map(draw))).toSorted(
    (a, b) => a - b,
  );
  return [middles[Math.floor(DRAWS * OUTSIDE)] ?? NaN, middles[Math.floor(DRAWS * (1 - OUTSIDE))] ?? NaN];
}

export function renderComparison(rows: ReadonlyMap<FigureName, Comparison>): string {
  const cells = [...rows].map(([name, { ours, theirs, difference, noise, allowed, verdict }]) => {
    const part = (100 * difference) / theirs;
    const sign = difference < 0 ? "" : "+";
    return [
      name,
      `${ours.toFixed(1)} ms`,
      `${theirs.toFixed(1)} ms`,
      `${sign}${difference.toFixed(1)} ms`,
      `${sign}${part.toFixed(1)} %`,
      `±${noise.toFixed(1)} ms`,
      `+${allowed.toFixed(1)} ms`,
      verdict,
    ];
  });
  const all = [["figure (p50)", "ours", "theirs", "difference", "", "noise", "allowed", "verdict"], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ");
  return all.map(line).join("\n");
}
