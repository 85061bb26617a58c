import { execFileSync } from "node:child_process";
import { mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { lastStartGiven, orderEnv, orderGiven } from "./run-order.ts";
import { skippedOfVitest } from "./skipped.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What runs takes no second; vitest itself takes some, more on a busy machine. */
const RUN_LIMIT_MS = 50_000;
const FILES = ["tools/test/counts.test.ts", "tools/test/lanes.test.ts"];

test("what a run says is what its tests are told, and nothing where it says nothing", () => {
  const env = orderEnv({ order: FILES, lastStartSec: 2 }, 1000);
  expect(orderGiven(env)).toEqual(FILES);
  expect(lastStartGiven(env)).toBe(3000);
  expect(orderEnv({}, 1000)).toEqual({});
  expect(orderGiven({})).toEqual([]);
  expect(lastStartGiven({})).toBeUndefined();
});

/** Files in the order in which they began, and how many tests ran. */
function run(env: Record<string, string>) {
  using folder = mkdtempDisposableSync(join(tmpdir(), "fastvm-order-"));
  const file = join(folder.path, "report.json");
  const args = ["run", "--project=unit", "--maxWorkers=1", "--reporter=json", `--outputFile=${file}`];
  execFileSync("node_modules/.bin/vitest", [...args, ...FILES], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: "ignore",
    // The thread waits for it, so no limit of a test ends it.
    timeout: RUN_LIMIT_MS,
  });
  const report = readFileSync(file, "utf8");
  const { numPassedTests, testResults } = JSON.parse(report);
  const began = testResults.toSorted((a: Began, b: Began) => a.startTime - b.startTime);
  return {
    passed: numPassedTests as number,
    files: began.map(({ name }: Began) => name.slice(ROOT.length + 1)) as string[],
    skipped: skippedOfVitest(report, ROOT),
  };
}

interface Began {
  readonly name: string;
  readonly startTime: number;
}

test("files begin in the order of the run, and no test when it was time, which is said", () => {
  const order = FILES.toReversed();
  const inTime = run(orderEnv({ order, lastStartSec: 600 }, Date.now()));
  expect(inTime.files).toEqual(order);
  expect(inTime.skipped).toEqual([]);
  const late = run(orderEnv({ order, lastStartSec: -1 }, Date.now()));
  expect(late.passed).toBe(0);
  expect(late.skipped.map(({ path }) => path).toSorted()).toEqual(FILES);
  expect(late.skipped.map(({ count }) => count).reduce((a, b) => a + b)).toBe(inTime.passed);
});
