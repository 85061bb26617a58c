/** ./test after set-up: runs the stages, also after one has failed, and says at the end how each went and what they took. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { trackedFiles } from "../tidy/source-file.ts";
import { enforceBudgets, type Budgeted } from "./budgets.ts";
import { changedFiles } from "./changed-files.ts";
import { countsOfOutput, countsOfVitest, settle, type Counts } from "./counts.ts";
import { durationsOfVitest } from "./durations.ts";
import { explain } from "./daemon-errors.ts";
import { failuresOfPytest, failuresOfVitest } from "./failures.ts";
import { startPostgres } from "./postgres.ts";
import { chooseQuick, QUICK_BUDGET_SEC, readQuick } from "./quick.ts";
import { inLanes } from "./lanes.ts";
import { renderReport, seconds, type StageResult } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { orderEnv } from "./run-order.ts";
import { skippedOfVitest } from "./skipped.ts";
import { inGroups, selectStages, STAGES_AT_ONCE, TOTAL_BUDGET_SEC, usage, type Stage } from "./stages.ts";

/** Far over the budget of everything; past this something hangs. */
const TOTAL_TIMEOUT_MS = 80 * 60_000;
const ROOT = resolve(import.meta.dirname, "../..");
const LOG_DIR = join(".fastvm", "log");
const DAEMON_ERRORS = join(LOG_DIR, "daemon-errors.log");
/** On a machine that others use too, time says nothing. */
const NO_BUDGETS = "--no-budgets";

/** What is to run, and how long all of it may take; without a figure nothing is held to its budget. */
interface Order {
  readonly stages: readonly Stage[];
  readonly budgetSec?: number;
}

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
const startedMs = performance.now();
const startedAt = Date.now();
const deadline = startedMs + TOTAL_TIMEOUT_MS;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(usage());
    return 0;
  }
  let order: Order;
  try {
    order = orderOf(args);
  } catch (error) {
    console.error(`Error: ${messageOf(error)}`);
    return 2;
  }
  if (order.stages.length === 0) return 0;
  mkdirSync(LOG_DIR, { recursive: true });
  rmSync(DAEMON_ERRORS, { force: true });
  const all = await runAll(order.stages);
  const results = order.budgetSec === undefined ? all.map(({ result }) => result) : enforceBudgets(all);
  const passed = results.every((result) => result.failure === undefined);
  const inTime = isInTime(order.budgetSec);
  console.log(renderReport(results));
  return passed && inTime ? 0 : 1;
}

function orderOf(args: readonly string[]): Order {
  const given = args.filter((argument) => argument !== NO_BUDGETS);
  const held = given.length === args.length;
  if (given[0] === "quick") {
    const files = trackedFiles(ROOT);
    const { onlySay, change } = readQuick(given.slice(1), files);
    const { stages, says } = chooseQuick(change ?? changedFiles(ROOT), files);
    console.log(says.join("\n"));
    if (onlySay) return { stages: [] };
    if (held) return { stages, budgetSec: QUICK_BUDGET_SEC };
    return { stages: stages.map((stage) => ({ ...stage, lastStartSec: undefined })) };
  }
  return {
    stages: selectStages(given),
    ...(held && given.length === 0 ? { budgetSec: TOTAL_BUDGET_SEC } : {}),
  };
}

/** Says what all of it took. */
function isInTime(budgetSec: number | undefined): boolean {
  const taken = performance.now() - startedMs;
  const late = budgetSec !== undefined && taken > budgetSec * 1000;
  const budget = budgetSec === undefined ? "" : ` of ${budgetSec} s`;
  console.log(`\n${late ? "FAILED: all stages took" : "All stages took"} ${seconds(taken)}${budget}`);
  return !late;
}

async function runAll(stages: readonly Stage[]): Promise<readonly Budgeted[]> {
  const results: Budgeted[] = [];
  const env: NodeJS.ProcessEnv = { ...process.env, FASTVM_TEST_DAEMON_ERRORS: join(ROOT, DAEMON_ERRORS) };
  const startMs = performance.now();
  await using cleanup = new AsyncDisposableStack();
  if (stages.some((stage) => stage.needsPostgres)) {
    try {
      const postgres = cleanup.use(await startPostgres());
      env["FASTVM_TEST_POSTGRES_URL"] = postgres.url;
    } catch (error) {
      // Without it half of the store's tests would be left out in silence.
      const stage = {
        name: "postgres",
        command: [],
        counts: "plain",
        needsPostgres: false,
        budgetSec: 60,
      } as const;
      results.push({ stage, result: notRun(stage, messageOf(error), performance.now() - startMs) });
    }
  }
  for (const group of inGroups(stages)) {
    const inTurn = group.length === 1;
    const run = async (stage: Stage) => ({ stage, result: await runStage(stage, env, inTurn) });
    results.push(...(await inLanes(group, STAGES_AT_ONCE.get(group[0]?.beside ?? "") ?? 1, run)));
  }
  return results;
}

/** `live`: its output is shown as it comes; several side by side show theirs when they have ended. */
async function runStage(stage: Stage, env: NodeJS.ProcessEnv, live: boolean): Promise<StageResult> {
  const startMs = performance.now();
  const timeoutMs = Math.max(0, Math.floor(deadline - startMs));
  if (interrupt.signal.aborted) return notRun(stage, "interrupted");
  if (timeoutMs === 0) return notRun(stage, "not run: the time for all stages is over");
  const title = `\n== ${stage.name}: ${stage.command.join(" ")}\n`;
  const reportFile = join(LOG_DIR, `test-${stage.name}.json`);
  rmSync(reportFile, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const command = stage.counts === "vitest" ? [...stage.command, ...reporters] : stage.command;
  const logFile = join(LOG_DIR, `test-${stage.name}.log`);
  const { failure, output } = await runCommand(command, {
    env: { ...env, ...orderEnv(stage, startedAt) },
    logFile,
    timeoutMs,
    signal: interrupt.signal,
    title,
    live,
  });
  const report = stage.counts === "vitest" ? readReport(reportFile) : "";
  const counts = settle(countsOf(stage, output, report), failure === undefined);
  return {
    name: stage.name,
    durationMs: performance.now() - startMs,
    budgetMs: stage.budgetSec * 1000,
    counts,
    // A test that failed without an exit code is a failure all the same.
    failure: failure ?? (counts.failed > 0 ? "tests failed" : undefined),
    files: durationsOfVitest(report, ROOT),
    failedTests: explain(
      stage.counts === "vitest" ? failuresOfVitest(report, ROOT) : failuresOfPytest(output),
      DAEMON_ERRORS,
    ),
    skipped: skippedOfVitest(report, ROOT),
  };
}

function notRun({ name, budgetSec }: Stage, failure: string, durationMs = 0): StageResult {
  const counts = settle(undefined, false);
  return {
    name,
    durationMs,
    budgetMs: budgetSec * 1000,
    counts,
    failure,
    files: [],
    failedTests: [],
    skipped: [],
  };
}

function countsOf(stage: Stage, output: string, report: string): Counts | undefined {
  if (stage.counts === "plain") return undefined;
  return stage.counts === "printed" ? countsOfOutput(output) : countsOfVitest(report);
}

function readReport(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // vitest ended before it wrote its report; its exit code counts as the one failure.
    return "";
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
