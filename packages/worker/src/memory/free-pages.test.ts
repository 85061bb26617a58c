import { describe, expect, test } from "vitest";
import { FreePages } from "./free-pages.ts";

const GIB = 262_144;

function runs(...list: readonly (readonly [number, number])[]): Buffer {
  return Buffer.from(Uint32Array.from(list.flat()).buffer);
}

describe("free pages", () => {
  test("are those of the memory, whose upper part a machine has from 4 GiB on", () => {
    const free = new FreePages(4 * GIB);
    free.add(runs([0, 8], [100, 50]));
    free.add(runs([3 * GIB - 10, 10], [4 * GIB, 20], [5 * GIB - 8, 8]));
    expect(free.ranges).toEqual([
      { firstPage: 0, pages: 8 },
      { firstPage: 100, pages: 50 },
      { firstPage: 3 * GIB - 10, pages: 10 },
      { firstPage: 3 * GIB, pages: 20 },
      { firstPage: 4 * GIB - 8, pages: 8 },
    ]);
  });

  test.each([
    ["are none", 2, [[5, 0]]],
    [
      "overlap",
      2,
      [
        [0, 10],
        [9, 10],
      ],
    ],
    [
      "go backwards",
      2,
      [
        [50, 10],
        [20, 10],
      ],
    ],
    ["lead out of a small memory", 2, [[2 * GIB - 5, 6]]],
    ["lead out of a large one", 4, [[5 * GIB - 5, 6]]],
    ["lead into what lies between", 4, [[3 * GIB - 5, 6]]],
    ["lie between", 4, [[3 * GIB, 8]]],
    ["are above all memory", 2, [[4 * GIB, 8]]],
    ["go round", 4, [[0xffff_ffff, 0xffff_ffff]]],
  ] as const)("that %s are refused", (_what, gib, list) => {
    expect(() => new FreePages(gib * GIB).add(runs(...list))).toThrow(RangeError);
  });

  test("are refused when cut, and beyond a number", () => {
    expect(() => new FreePages(GIB).add(Buffer.alloc(12))).toThrow(RangeError);
    const free = new FreePages(64 * GIB);
    const some = (from: number) => Array.from({ length: 1024 }, (_, at) => [2 * (from + at), 1] as const);
    for (let from = 0; from < 262_144; from += 1024) free.add(runs(...some(from)));
    expect(free.ranges).toHaveLength(262_144);
    expect(() => free.add(runs([60 * GIB, 1]))).toThrow(RangeError);
  });
});
