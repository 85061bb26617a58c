import { expect, test } from "vitest";
import { failuresOfPytest, failuresOfVitest } from "./failures.ts";

function file(over: object): object {
  return { name: "/clone/e2e/own/a.test.ts", status: "failed", message: "", assertionResults: [], ...over };
}

test("each failed test of vitest's report is told by file, full name and first line", () => {
  const report = JSON.stringify({
    testResults: [
      file({
        assertionResults: [
          { ancestorTitles: ["", "on postgres"], title: "it holds", status: "passed", failureMessages: [] },
          {
            ancestorTitles: ["", "on postgres"],
            title: "it bends",
            status: "failed",
            failureMessages: [
              "\u001B[31mAssertionError: expected 1 to be 2\u001B[39m\n    at /clone/a.ts:3:4",
            ],
          },
        ],
      }),
      file({ name: "/clone/b.test.ts", status: "passed" }),
    ],
  });
  expect(failuresOfVitest(report, "/clone")).toEqual([
    {
      name: "e2e/own/a.test.ts > on postgres > it bends",
      message: "AssertionError: expected 1 to be 2",
    },
  ]);
});

test("so is a file that failed outside of its tests", () => {
  const report = JSON.stringify({
    testResults: [file({ message: "Cannot find module './x'\nRequire stack" })],
  });
  expect(failuresOfVitest(report, "/clone")).toEqual([
    { name: "e2e/own/a.test.ts", message: "Cannot find module './x'" },
  ]);
  const silent = JSON.stringify({ testResults: [file({})] });
  expect(failuresOfVitest(silent, "/clone")).toEqual([{ name: "e2e/own/a.test.ts", message: "" }]);
});

test("half a report tells nothing, and a long line its beginning", () => {
  expect(failuresOfVitest('{"testResults": [{', "/clone")).toEqual([]);
  const report = JSON.stringify({ testResults: [file({ message: "x".repeat(1_200) })] });
  expect(failuresOfVitest(report, "/clone")[0]?.message).toBe(`${"x".repeat(1_000)}…`);
});

test("pytest's summary tells the same", () => {
  const output = [
    "E   FAILED is what the body said",
    "=== short test summary info ===",
    "SKIPPED [1] tests/unit/test_a.py:3: not here",
    "FAILED tests/unit/test_a.py::test_one[a b] - AssertionError: assert 1 == 2",
    "ERROR tests/daemon/test_b.py - ImportError: no module",
    "FAILED tests/unit/test_a.py::test_bare",
    "1 failed, 12 passed in 3.2s",
  ].join("\n");
  expect(failuresOfPytest(output)).toEqual([
    { name: "tests/unit/test_a.py::test_one[a b]", message: "AssertionError: assert 1 == 2" },
    { name: "tests/daemon/test_b.py", message: "ImportError: no module" },
    { name: "tests/unit/test_a.py::test_bare", message: "" },
  ]);
});
