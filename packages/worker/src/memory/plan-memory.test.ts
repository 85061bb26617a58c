import { describe, expect, test } from "vitest";
import { emptyMap, overlay } from "./page-map.ts";
import type { PageMap } from "./page-map.ts";
import { planMapped } from "./plan-memory.ts";

const MEMORY_PAGES = 1 << 20;
const PAGES_OF_64_MIB = 16_384;
/** Mappings that the kernel allows a process, of which QEMU needs some hundreds. */
const MAX_MAP_COUNT = 65_530;

/** Extents of the given sizes, with a page of the base between them. */
function mapOf(sizes: readonly number[]): PageMap {
  let firstPage = 0;
  let filePage = 0;
  const extents = sizes.map((pages) => {
    const extent = { firstPage, pages, filePage };
    firstPage += pages + 1;
    filePage += pages;
    return extent;
  });
  return overlay(emptyMap(MEMORY_PAGES), "file", extents);
}

describe("the pages of a restored memory", () => {
  test("are written when they are few", () => {
    const map = mapOf([PAGES_OF_64_MIB / 2, PAGES_OF_64_MIB / 2]);
    expect(planMapped(map)).toEqual(emptyMap(MEMORY_PAGES));
  });

  test("are mapped when they are many, but for the crumbs", () => {
    const mapped = planMapped(mapOf([PAGES_OF_64_MIB, 1, 2, 100]));
    expect(mapped.extents.map(({ pages }) => pages)).toEqual([PAGES_OF_64_MIB, 100]);
  });

  test("are never in more mappings than a process may have, however they lie", () => {
    for (const size of [8, 9, 20]) {
      const map = mapOf(Array<number>(40_000).fill(size));
      expect(planMapped(map).extents.length * 2).toBeLessThan(MAX_MAP_COUNT / 2);
    }
    const mixed = mapOf([...Array<number>(7_000).fill(50), ...Array<number>(9_000).fill(10)]);
    expect(planMapped(mixed).extents).toHaveLength(7_000);
  });
});
