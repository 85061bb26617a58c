import { expect, test } from "vitest";
import { NameList } from "./name-pattern.ts";

test.each([
  ["example.com", "example.com", true],
  ["example.com", "www.example.com", false],
  ["example.com", "example.com.evil.test", false],
  ["*.example.com", "www.example.com", true],
  ["*.example.com", "a.b.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "notexample.com", false],
  ["*.example.com", "www\\046example.com", false],
  ["*.example.com", "", false],
])("%s means %j: %s", (pattern, name, expected) => {
  expect(NameList.of([pattern]).has(name)).toBe(expected);
});

test("a list means what any of its patterns means, and an empty one nothing", () => {
  const list = NameList.of(["a.test", "*.b.test", "c.test"]);
  expect(["a.test", "x.b.test", "c.test", "b.test"].map((name) => list.has(name))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(NameList.of([]).has("a.test")).toBe(false);
});
