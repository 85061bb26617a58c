import { expect, test } from "vitest";
import { enforceBudgets } from "./budgets.ts";
import { durationsOfVitest } from "./durations.ts";
import { renderReport, type StageResult } from "./report.ts";
import { skippedOfVitest } from "./skipped.ts";
import { LONG_FILES, stageNamed } from "./stages.ts";

const PASSED: StageResult = {
  name: "e2e-own",
  durationMs: 61_000,
  budgetMs: 100_000,
  counts: { passed: 40, failed: 0 },
  failure: undefined,
  files: [],
  failedTests: [],
  skipped: [],
};
const stage = stageNamed("e2e-own");

test("the report shows what each stage took of its budget, and ends with the totals alone on a line", () => {
  const failed = { ...PASSED, name: "unit", counts: { passed: 1, failed: 2 }, failure: "exit code 1" };
  const report = renderReport([PASSED, failed]);
  expect(report.split("\n").at(-1)).toBe("41 passed, 2 failed");
  expect(report).toMatch(/e2e-own +61\.0 s of +100 s +40 passed +0 failed {2}ok/);
  expect(report).toMatch(/unit +61\.0 s of +100 s +1 passed +2 failed {2}FAILED: exit code 1/);
});

test("what failed stands right before the totals: the tests, or the stage where none is known", () => {
  const failedTests = [
    { name: "a.test.ts > it bends", message: "AssertionError: expected 1 to be 2" },
    { name: "b.test.ts", message: "" },
  ];
  const report = renderReport([
    PASSED,
    { ...PASSED, name: "unit", failure: "exit code 1", failedTests },
    { ...PASSED, name: "lint", failure: "exit code 2" },
  ]);
  expect(report.split("\n").slice(-6)).toEqual([
    "What failed:",
    "  unit: a.test.ts > it bends: AssertionError: expected 1 to be 2",
    "  unit: b.test.ts",
    "  lint: exit code 2",
    "",
    "120 passed, 0 failed",
  ]);
  expect(renderReport([PASSED])).not.toContain("What failed");
});

test("what was not run is said by file, with the name of the first, and of no more than fit", () => {
  const skippedTest = (title: string) => ({ ancestorTitles: ["an upgrade"], title, status: "skipped" });
  const file = (name: string) => ({
    name: `/clone/${name}`,
    assertionResults: [{ title: "ran", status: "passed" }, skippedTest("first"), skippedTest("second")],
  });
  const report = JSON.stringify({
    testResults: [file("e2e/own/upgrade.test.ts"), { name: "/clone/other.test.ts" }],
  });
  const skipped = skippedOfVitest(report, "/clone");
  expect(
    renderReport([{ ...PASSED, skipped }])
      .split("\n")
      .slice(-4),
  ).toEqual([
    "Not run:",
    "  e2e-own: 2 of e2e/own/upgrade.test.ts: an upgrade > first",
    "",
    "40 passed, 0 failed",
  ]);
  const many = Array.from({ length: 20 }, (_, n) => ({ path: `${n}`, count: 1, first: "test" }));
  expect(renderReport([{ ...PASSED, skipped: many }])).toContain("  and of 8 files more\n");
  expect(skippedOfVitest(report.slice(1), "/clone")).toEqual([]);
  expect(renderReport([PASSED])).not.toContain("Not run");
});

test("it shows the ten slowest files of all stages, slowest first", () => {
  const files = Array.from({ length: 12 }, (_, n) => ({
    path: `e2e/own/${n}.test.ts`,
    durationMs: n * 1000,
  }));
  const [slow, quick] = [files.slice(6), files.slice(0, 6)];
  const report = renderReport([
    { ...PASSED, files: quick },
    { ...PASSED, files: slow },
  ]);
  const shown = [...report.matchAll(/own\/(\d+)\.test/g)].map(([, n]) => Number(n));
  expect(shown).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
});

test("vitest's report tells how long each file took; half a report tells nothing", () => {
  const report = JSON.stringify({
    testResults: [{ name: "/clone/e2e/own/a.test.ts", startTime: 1000, endTime: 3500 }],
  });
  expect(durationsOfVitest(report, "/clone")).toEqual([{ path: "e2e/own/a.test.ts", durationMs: 2500 }]);
  expect(durationsOfVitest(report.slice(0, -3), "/clone")).toEqual([]);
});

test("a stage over its budget fails, and counts as a failure", () => {
  const [late, ok] = enforceBudgets([
    { stage, result: { ...PASSED, durationMs: 100_001 } },
    { stage, result: PASSED },
  ]);
  expect(late).toMatchObject({ failure: "took 100.0 s of 100 s", counts: { passed: 40, failed: 1 } });
  expect(ok).toEqual(PASSED);
});

test("a file over a minute fails its stage, but for those that are named and those of a tier for long ones", () => {
  const long = { path: "e2e/own/long.test.ts", durationMs: 180_001 };
  const [named = ""] = LONG_FILES.keys();
  const files = [long, { path: named, durationMs: 500_000 }];
  const failureOf = (name: string, of: readonly (typeof long)[]): string | undefined =>
    enforceBudgets([{ stage: stageNamed(name), result: { ...PASSED, files: of } }])[0]?.failure;
  expect(failureOf("e2e-own", files)).toBe("e2e/own/long.test.ts took 180.0 s, a file has 180 s");
  expect(failureOf("smoke", [{ ...long, durationMs: 60_001 }])).toMatch(/took 60\.0 s, a file has 60 s/);
  expect(failureOf("e2e-own", files.slice(1))).toBeUndefined();
  expect(failureOf("e2e-soak", files)).toBeUndefined();
});

test("what failed for another reason keeps it", () => {
  const failed = { ...PASSED, durationMs: 200_000, failure: "exit code 1" };
  expect(enforceBudgets([{ stage, result: failed }])).toEqual([failed]);
});
