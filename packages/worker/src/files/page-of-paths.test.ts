import { describe, expect, test } from "vitest";
import type { FileInfo } from "@fastvm/contract";
import { PageOfPaths } from "./page-of-paths.ts";

const entryOf = (path: string): FileInfo => ({
  path,
  type: "file",
  mode: 0o644,
  sizeBytes: 0,
  modifiedAtMs: 0,
  uid: 0,
  gid: 0,
});

function pageOf(paths: readonly string[], limit: number, after?: string) {
  const page = new PageOfPaths(limit, after);
  for (const path of paths) page.add(entryOf(path));
  const { entries, hasMore } = page.listing();
  return { paths: entries.map(({ path }) => path), hasMore };
}

describe("pages", () => {
  const paths = Array.from({ length: 100 }, (_, index) => `/f/${(index * 37) % 100}`.padEnd(5, "x"));

  test("together are all, each once and in order", () => {
    const found: string[] = [];
    let page = pageOf(paths, 7);
    for (found.push(...page.paths); page.hasMore; found.push(...page.paths)) {
      page = pageOf(paths, 7, found.at(-1));
    }
    expect(found).toEqual(paths.toSorted());
  });

  test("that are just full say that nothing follows", () => {
    expect(pageOf(["/b", "/a"], 2)).toEqual({ paths: ["/a", "/b"], hasMore: false });
    expect(pageOf(["/b", "/a", "/c"], 2)).toEqual({ paths: ["/a", "/b"], hasMore: true });
    expect(pageOf([], 2)).toEqual({ paths: [], hasMore: false });
  });
});
