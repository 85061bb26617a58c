/**
 * What others publish of the time to interactive, by the same definition, to stand beside ours. None of it was measured by us, and none
 * of it is a promise: services far away are asked over the internet, on hardware that nobody names.
 */
import type { Figures } from "./figures.ts";

interface Published {
  readonly who: string;
  readonly medianS: number;
  readonly p95S: number;
  readonly p99S: number;
  readonly successPercent: number;
}

const SOURCE =
  "Published by https://www.computesdk.com/benchmarks/ (its run of 2026-04-01, 100 sandboxes each, `node -v` as the command, asked by a " +
  "GitHub runner over the internet; the providers' hardware is not named, nor which of its three tests the table is of). Unproved by us:";

const PUBLISHED: readonly Published[] = [
  { who: "Daytona", medianS: 0.11, p95S: 0.28, p99S: 0.29, successPercent: 100 },
  { who: "E2B", medianS: 0.44, p95S: 0.85, p99S: 0.99, successPercent: 100 },
  { who: "Hopx", medianS: 1.05, p95S: 1.42, p99S: 1.64, successPercent: 100 },
  { who: "Blaxel", medianS: 1.05, p95S: 1.12, p99S: 1.15, successPercent: 100 },
  { who: "Cloudflare", medianS: 1.72, p95S: 2.48, p99S: 2.78, successPercent: 100 },
  { who: "Vercel", medianS: 1.75, p95S: 1.93, p99S: 1.98, successPercent: 100 },
  { who: "Namespace", medianS: 1.86, p95S: 2.43, p99S: 3.35, successPercent: 100 },
  { who: "Runloop", medianS: 1.87, p95S: 1.99, p99S: 1.99, successPercent: 100 },
  { who: "CodeSandbox", medianS: 2.32, p95S: 2.6, p99S: 2.72, successPercent: 100 },
  { who: "Modal", medianS: 2.66, p95S: 11.78, p99S: 22.39, successPercent: 98 },
];

/** Lines of a table; none where no time to interactive was measured. */
export function publishedLines(figures: Figures): readonly string[] {
  const { tti_row_ms_p50: median, tti_row_ms_p95: p95, tti_row_ms_p99: p99 } = figures;
  if (median === undefined || p95 === undefined || p99 === undefined) return [];
  const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
  return [
    SOURCE,
    "",
    "| time to interactive, s | median | p95 | p99 | success |",
    "| --- | --- | --- | --- | --- |",
    // A launch or command that fails ends the run.
    `| this run, one after the other, over loopback | ${seconds(median)} | ${seconds(p95)} | ${seconds(p99)} | 100 % |`,
    ...PUBLISHED.map(
      ({ who, medianS, p95S, p99S, successPercent }) =>
        `| ${who} | ${medianS.toFixed(2)} | ${p95S.toFixed(2)} | ${p99S.toFixed(2)} | ${successPercent} % |`,
    ),
  ];
}
