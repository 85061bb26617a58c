import { expect, test } from "vitest";
import { countsOfOutput, countsOfVitest, settle, sum } from "./counts.ts";

test("vitest's totals are read from its report", () => {
  const report = JSON.stringify({ numPassedTests: 41, numFailedTests: 1, testResults: [] });
  expect(countsOfVitest(report)).toEqual({ passed: 41, failed: 1 });
});

test("half a report counts as none", () => {
  expect(countsOfVitest('{"numPassedTests": 41, "numFa')).toBeUndefined();
  expect(countsOfVitest('{"numPassedTests": 41}')).toBeUndefined();
});

test("printed totals of several programs add up", () => {
  expect(countsOfOutput("x\n12 passed, 0 failed\ny\n3 passed, 2 failed\n")).toEqual({
    passed: 15,
    failed: 2,
  });
  expect(countsOfOutput("all is well")).toBeUndefined();
});

test("a stage that failed never counts as zero failures", () => {
  expect(settle({ passed: 5, failed: 0 }, false)).toEqual({ passed: 5, failed: 1 });
  expect(settle({ passed: 5, failed: 3 }, false)).toEqual({ passed: 5, failed: 3 });
  expect(settle(undefined, false)).toEqual({ passed: 0, failed: 1 });
});

test("a stage without counts that passed is one test", () => {
  expect(settle(undefined, true)).toEqual({ passed: 1, failed: 0 });
});

test("no counts add up to nothing", () => {
  expect(sum([])).toEqual({ passed: 0, failed: 0 });
});
