import { describe, expect, test } from "vitest";
import { seededRandom } from "../guest-link/seeded-random.ts";
import { countPages, emptyMap, overlay, pick, without } from "./page-map.ts";
import type { FileExtent, PageMap } from "./page-map.ts";

const PAGES = 64;
const TREES = 200;
const CAPTURES = 12;

/** What each page is, said page by page: `file:page`, or nothing where it is the base's. */
function flatten(map: PageMap): (string | undefined)[] {
  const pages = Array<string | undefined>(map.memoryPages).fill(undefined);
  for (const { firstPage, pages: count, file, filePage } of map.extents) {
    for (let at = 0; at < count; at++) pages[firstPage + at] = `${map.files[file]}:${filePage + at}`;
  }
  return pages;
}

/** In order, apart from each other or not, at any place of a file. */
function randomExtents(random: (below: number) => number): FileExtent[] {
  const extents: FileExtent[] = [];
  let filePage = random(5);
  for (let page = random(8); page < PAGES;) {
    const pages = Math.min(PAGES - page, 1 + random(9));
    extents.push({ firstPage: page, pages, filePage });
    filePage += pages;
    page += pages + random(14);
  }
  return extents;
}

function expectSound(map: PageMap): void {
  let end = 0;
  for (const { firstPage, pages } of map.extents) {
    expect(firstPage).toBeGreaterThanOrEqual(end);
    expect(pages).toBeGreaterThan(0);
    end = firstPage + pages;
  }
  expect(end).toBeLessThanOrEqual(map.memoryPages);
  expect(new Set(map.extents.map(({ file }) => file))).toEqual(new Set(map.files.keys()));
}

describe("a page map", () => {
  test("says of each page what a list page by page would, capture after capture", () => {
    const random = seededRandom("page map", undefined);
    for (let tree = 0; tree < TREES; tree++) {
      let map = emptyMap(PAGES);
      const model = flatten(map);
      for (let capture = 0; capture < CAPTURES; capture++) {
        // Some rounds go into the file of the one before.
        const name = `f${Math.floor(capture / (1 + random(2)))}`;
        const newer = randomExtents(random);
        map = overlay(map, name, newer);
        for (const { firstPage, pages, filePage } of newer) {
          for (let at = 0; at < pages; at++) model[firstPage + at] = `${name}:${filePage + at}`;
        }
        expect(flatten(map), `tree ${tree}, capture ${capture}`).toEqual(model);
        expectSound(map);
        if (random(3) > 0) continue;
        const free = randomExtents(random);
        map = without(map, free);
        for (const { firstPage, pages } of free) model.fill(undefined, firstPage, firstPage + pages);
        expect(flatten(map), `tree ${tree}, without some after capture ${capture}`).toEqual(model);
        expectSound(map);
      }
    }
  });

  test("joins what lies side by side in memory and file, and nothing else", () => {
    const first = overlay(emptyMap(PAGES), "a", [{ firstPage: 4, pages: 2, filePage: 0 }]);
    expect(overlay(first, "a", [{ firstPage: 6, pages: 3, filePage: 2 }]).extents).toEqual([
      { firstPage: 4, pages: 5, file: 0, filePage: 0 },
    ]);
    expect(overlay(first, "a", [{ firstPage: 6, pages: 3, filePage: 5 }]).extents).toHaveLength(2);
    expect(overlay(first, "b", [{ firstPage: 6, pages: 3, filePage: 2 }]).extents).toHaveLength(2);
  });

  test("forgets a file of which nothing is left", () => {
    const first = overlay(emptyMap(PAGES), "a", [{ firstPage: 4, pages: 2, filePage: 0 }]);
    const second = overlay(first, "b", [{ firstPage: 4, pages: 2, filePage: 0 }]);
    expect(second.files).toEqual(["b"]);
    expect(second.extents).toEqual([{ firstPage: 4, pages: 2, file: 0, filePage: 0 }]);
  });

  test("takes no pages that were found twice, or out of order", () => {
    const found = [0, 4, 2].map((firstPage) => ({ firstPage, pages: 2, filePage: firstPage }));
    expect(() => overlay(emptyMap(PAGES), "a", found)).toThrow("Page 2 was found twice");
    expect(overlay(emptyMap(PAGES), "a", found.slice(0, 2)).extents).toHaveLength(2);
  });

  test("has parts, each with the files it needs", () => {
    const map = overlay(overlay(emptyMap(PAGES), "a", [{ firstPage: 0, pages: 9, filePage: 0 }]), "b", [
      { firstPage: 20, pages: 1, filePage: 0 },
    ]);
    const small = pick(map, ({ pages }) => pages < 5);
    expect(small.files).toEqual(["b"]);
    expect(countPages(small.extents)).toBe(1);
    expect(pick(map, ({ pages }) => pages >= 5).files).toEqual(["a"]);
  });
});
