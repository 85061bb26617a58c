import { expect, test } from "vitest";
import { inGroups, selectStages, STAGES, stageNamed, TOTAL_BUDGET_SEC } from "./stages.ts";

test("without arguments every stage runs", () => {
  expect(selectStages([])).toBe(STAGES);
});

test("a vitest stage hands its arguments on", () => {
  const [unit] = selectStages(["unit", "packages/sdk", "-t", "pause"]);
  expect(unit?.command.slice(-3)).toEqual(["packages/sdk", "-t", "pause"]);
});

test.each(["vm", "smoke", "e2e-own", "e2e", "soak", "power", "pools"])(
  "%s starts VMs, so the image is built first",
  (name) => {
    expect(selectStages([name]).map((stage) => stage.name)).toEqual(["image", name]);
  },
);

test("the soak hands its arguments on", () => {
  expect(selectStages(["soak", "--rounds", "200"]).at(-1)?.command.slice(-2)).toEqual(["--rounds", "200"]);
  expect(selectStages(["power", "--cuts", "200"]).at(-1)?.command.slice(-2)).toEqual(["--cuts", "200"]);
  expect(selectStages(["pools", "--kills", "3"]).at(-1)?.command.slice(-2)).toEqual(["--kills", "3"]);
});

test("the stages of the Python SDK hand their arguments on", () => {
  expect(selectStages(["python-vm"]).map((stage) => stage.name)).toEqual(["image", "python-vm"]);
  expect(selectStages(["python", "-k", "stream"]).at(-1)?.command.slice(-2)).toEqual(["-k", "stream"]);
});

test("an unknown stage is refused with the names that exist", () => {
  expect(() => selectStages(["units"])).toThrow(/no stage "units".*typecheck/s);
});

test("arguments for a stage that takes none are refused", () => {
  expect(() => selectStages(["lint", "packages"])).toThrow(/takes no arguments/);
});

test("what is marked so runs side by side, everything else by itself and in order", () => {
  const groups = inGroups(["unit", "lint", "smoke", "vm"].map(stageNamed));
  expect(groups.map((group) => group.map(({ name }) => name))).toEqual([["unit", "lint"], ["smoke"], ["vm"]]);
  expect(inGroups(STAGES).flat()).toEqual(STAGES);
});

test("a run of everything is over before all its stages could be late", () => {
  const alone = inGroups(STAGES).map((group) => Math.max(...group.map(({ budgetSec }) => budgetSec)));
  expect(Math.max(...alone)).toBeLessThan(TOTAL_BUDGET_SEC / 2);
});
