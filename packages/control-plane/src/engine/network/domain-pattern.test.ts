import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DomainList } from "./domain-pattern.ts";

test.each<[pattern: string, inner: string, covers: boolean, overlaps: boolean]>([
  ["example.com", "example.com", true, true],
  ["example.com", "*.example.com", false, false],
  ["*.example.com", "example.com", false, false],
  ["*.example.com", "*.example.com", true, true],
  ["*.example.com", "a.example.com", true, true],
  ["*.example.com", "a.b.example.com", true, true],
  ["*.example.com", "*.a.example.com", true, true],
  ["*.example.com", "badexample.com", false, false],
  ["a.example.com", "*.example.com", false, true],
  ["*.a.example.com", "*.example.com", false, true],
  ["*.a.example.com", "b.example.com", false, false],
])("%s and %s: covers it %j, overlaps it %j", (pattern, inner, covers, overlaps) => {
  const list = new DomainList(["other.test", pattern]);
  expect([list.covers(inner), list.overlaps(inner)]).toEqual([covers, overlaps]);
});

/** Every name of up to three labels that a pattern means, out of an alphabet of two. */
function meant(pattern: string): ReadonlySet<string> {
  const labels = ["a", "b"];
  const names = labels.flatMap((x) => [
    x,
    ...labels.flatMap((y) => [`${x}.${y}`, ...labels.map((z) => `${x}.${y}.${z}`)]),
  ]);
  const fits = (name: string): boolean =>
    pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : name === pattern;
  return new Set(names.filter(fits));
}

test("some name is meant by a list and a pattern exactly when they overlap", () => {
  const name = fc
    .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 2 })
    .map((labels) => labels.join("."));
  const pattern = fc.oneof(
    name,
    name.map((text) => `*.${text}`),
  );
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 4 }), pattern, (patterns, other) => {
      const names = new Set(patterns.flatMap((one) => [...meant(one)]));
      const shared = [...meant(other)].some((one) => names.has(one));
      expect(new DomainList(patterns).overlaps(other)).toBe(shared);
    }),
  );
});
