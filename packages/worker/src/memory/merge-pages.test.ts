import { describe, expect, test } from "vitest";
import { chooseMerged } from "./merge-pages.ts";

const PAGES_OF_16_MIB = 4096;

/** By how many pages are alive and dead in each. */
function chosen(...files: readonly (readonly [number, number])[]): readonly number[] {
  return [
    ...chooseMerged(files.map(([livePages, deadPages], file) => ({ file, livePages, deadPages }))),
  ].toSorted((a, b) => a - b);
}

describe("the page files of a VM that are worth a copy", () => {
  test("are none while they are few and mostly alive, or what is dead is little", () => {
    expect(chosen()).toEqual([]);
    expect(chosen([100_000, 40_000], [10, 9_000], [50_000, 50_000])).toEqual([]);
    expect(chosen([10, PAGES_OF_16_MIB - 10], [5, 10])).toEqual([]);
  });

  test("are those that are mostly dead, once more is dead than alive", () => {
    expect(chosen([10_000, 100], [10, 9_000], [1_000, 8_000])).toEqual([1, 2]);
  });

  test("are the smaller ones, once they are many", () => {
    const small = Array.from({ length: 14 }, (_, file) => [300 + file, 0] as const);
    // The first two are each larger than all smaller ones together.
    expect(chosen([300_000, 0], [9_000, 0], ...small)).toEqual([]);
    expect(chosen([300_000, 0], [9_000, 0], ...small, [301, 0])).toEqual(
      small.map((_, file) => file + 2).concat(16),
    );
  });

  test("let a VM that is captured forever have few files, and copy each page a few times only", () => {
    let files: [number, number][] = [[300_000, 0]];
    let copied = 0;
    for (let capture = 0; capture < 2_000; capture++) {
      files.push([300, 0]);
      const merged = new Set(chosen(...files));
      const sum = files.filter((_, file) => merged.has(file)).reduce((total, [live]) => total + live, 0);
      if (merged.size > 0) files = [...files.filter((_, file) => !merged.has(file)), [sum, 0]];
      copied += sum;
      expect(files.length).toBeLessThanOrEqual(16);
    }
    expect(copied / (2_000 * 300)).toBeLessThan(10);
  });
});
