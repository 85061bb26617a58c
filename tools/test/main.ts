/** ./test after set-up: runs every stage, also after one has failed, and says at the end how each went. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { countsOfOutput, countsOfVitest, settle, type Counts } from "./counts.ts";
import { startPostgres } from "./postgres.ts";
import { renderReport, type StageResult } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { selectStages, usage, type Stage } from "./stages.ts";

/** Two idle cores take about an hour, mostly of emulated guests; past this something hangs. */
const TOTAL_TIMEOUT_MS = 80 * 60_000;
const LOG_DIR = join(".fastvm", "log");

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
const deadline = performance.now() + TOTAL_TIMEOUT_MS;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(usage());
    return 0;
  }
  let stages: readonly Stage[];
  try {
    stages = selectStages(args);
  } catch (error) {
    console.error(`Error: ${messageOf(error)}`);
    return 2;
  }
  mkdirSync(LOG_DIR, { recursive: true });
  const results = await runAll(stages);
  console.log(renderReport(results));
  return results.every((result) => result.failure === undefined) ? 0 : 1;
}

async function runAll(stages: readonly Stage[]): Promise<readonly StageResult[]> {
  const results: StageResult[] = [];
  const env: NodeJS.ProcessEnv = { ...process.env };
  const startMs = performance.now();
  await using cleanup = new AsyncDisposableStack();
  if (stages.some((stage) => stage.needsPostgres)) {
    try {
      const postgres = cleanup.use(await startPostgres());
      env["FASTVM_TEST_POSTGRES_URL"] = postgres.url;
    } catch (error) {
      // Without it half of the store's tests would be left out in silence.
      const durationMs = performance.now() - startMs;
      results.push({
        name: "postgres",
        durationMs,
        counts: settle(undefined, false),
        failure: messageOf(error),
      });
    }
  }
  for (const stage of stages) results.push(await runStage(stage, env));
  return results;
}

async function runStage(stage: Stage, env: NodeJS.ProcessEnv): Promise<StageResult> {
  const startMs = performance.now();
  const timeoutMs = Math.max(0, Math.floor(deadline - startMs));
  if (interrupt.signal.aborted || timeoutMs === 0) {
    const failure = interrupt.signal.aborted ? "interrupted" : "not run: the time for all stages is over";
    return { name: stage.name, durationMs: 0, counts: settle(undefined, false), failure };
  }
  console.log(`\n== ${stage.name}: ${stage.command.join(" ")}`);
  const reportFile = join(LOG_DIR, `test-${stage.name}.json`);
  rmSync(reportFile, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const command = stage.counts === "vitest" ? [...stage.command, ...reporters] : stage.command;
  const logFile = join(LOG_DIR, `test-${stage.name}.log`);
  const { failure, output } = await runCommand(command, {
    env,
    logFile,
    timeoutMs,
    signal: interrupt.signal,
  });
  const counts = settle(countsOf(stage, output, reportFile), failure === undefined);
  // A test that failed without an exit code is a failure all the same.
  const verdict = failure ?? (counts.failed > 0 ? "tests failed" : undefined);
  return { name: stage.name, durationMs: performance.now() - startMs, counts, failure: verdict };
}

function countsOf(stage: Stage, output: string, reportFile: string): Counts | undefined {
  if (stage.counts === "plain") return undefined;
  if (stage.counts === "printed") return countsOfOutput(output);
  try {
    return countsOfVitest(readFileSync(reportFile, "utf8"));
  } catch {
    // vitest ended before it wrote its report; its exit code counts as the one failure.
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
