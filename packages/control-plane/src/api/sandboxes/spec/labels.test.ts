import { expect, test } from "vitest";
import { labelsOf } from "./labels.ts";

test("pairs are labels, whatever they are called", () => {
  const labels = labelsOf(
    [
      ["team", "a"],
      ["__proto__", "b"],
      ["constructor", "c"],
    ],
    "labels",
  );
  expect(JSON.stringify(labels)).toBe('{"team":"a","__proto__":"b","constructor":"c"}');
});

test("a label that is there already is refused by its place", () => {
  for (const name of ["team", "__proto__"])
    expect(() =>
      labelsOf(
        [
          [name, "a"],
          [name, "b"],
        ],
        "labels",
      ),
    ).toThrow(expect.objectContaining({ field: "labels.1" }));
});
