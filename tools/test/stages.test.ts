import { expect, test } from "vitest";
import { renderReport } from "./report.ts";
import { selectStages, STAGES } from "./stages.ts";

test("without arguments every stage runs", () => {
  expect(selectStages([])).toBe(STAGES);
});

test("a vitest stage hands its arguments on", () => {
  const [unit] = selectStages(["unit", "packages/sdk", "-t", "pause"]);
  expect(unit?.command.slice(-3)).toEqual(["packages/sdk", "-t", "pause"]);
});

test("stages that start VMs build the image first", () => {
  expect(selectStages(["vm"]).map((stage) => stage.name)).toEqual(["image", "vm"]);
  expect(selectStages(["soak"]).map((stage) => stage.name)).toEqual(["image", "soak"]);
});

test("the soak hands its arguments on", () => {
  expect(selectStages(["soak", "--rounds", "200"]).at(-1)?.command.slice(-2)).toEqual(["--rounds", "200"]);
});

test("the stages of the Python SDK hand their arguments on", () => {
  expect(selectStages(["python-vm"]).map((stage) => stage.name)).toEqual(["image", "python-vm"]);
  expect(selectStages(["python", "-k", "stream"]).at(-1)?.command.slice(-2)).toEqual(["-k", "stream"]);
});

test("an unknown stage is refused with the names that exist", () => {
  expect(() => selectStages(["units"])).toThrow(/no stage "units".*typecheck/);
});

test("arguments for a stage that takes none are refused", () => {
  expect(() => selectStages(["lint", "packages"])).toThrow(/takes no arguments/);
});

test("the report ends with the totals alone on a line", () => {
  const report = renderReport([
    { name: "lint", durationMs: 1200, counts: { passed: 1, failed: 0 }, failure: undefined },
    { name: "unit", durationMs: 61_000, counts: { passed: 40, failed: 2 }, failure: "exit code 1" },
  ]);
  expect(report.split("\n").at(-1)).toBe("41 passed, 2 failed");
  expect(report).toMatch(/unit +61\.0 s +40 passed +2 failed {2}FAILED: exit code 1/);
});
