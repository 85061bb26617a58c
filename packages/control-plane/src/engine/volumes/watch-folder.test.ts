import type { FileEvent, FileInfo } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchFolder } from "./watch-folder.ts";

const file = (path: string, rest: Partial<FileInfo> = {}): FileInfo => ({
  ...{ path, type: "file", mode: 0o644, sizeBytes: 1, modifiedAtMs: 1, uid: 0, gid: 0 },
  ...rest,
});

let files: FileInfo[];
let looks: number;
let stop: AbortController;

beforeEach(() => {
  looks = 0;
  files = [];
  stop = new AbortController();
});
afterEach(() => stop.abort());

async function list(limit: number, after: string | undefined) {
  if (after === undefined) looks += 1;
  const behind = files
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .filter(({ path }) => path > (after ?? ""));
  return { entries: behind.slice(0, limit), hasMore: behind.length > limit };
}

async function watched() {
  const events = await watchFolder(list, stop.signal, 1);
  const got: FileEvent[] = [];
  void (async () => {
    for await (const event of events) got.push(event);
  })();
  return async () => {
    // One that has begun may be of before.
    const until = looks + 2;
    await expect.poll(() => looks, { timeout: 30_000, interval: 1 }).toBeGreaterThan(until);
    return got.splice(0).map(({ type, path }) => `${type} ${path}`);
  };
}

test("what came, went and changed since the look before is told, and nothing else", async () => {
  files = [file("/a"), file("/b"), file("/c"), file("/d", { type: "directory" }), file("/e")];
  const next = await watched();
  expect(await next()).toEqual([]);
  files = [
    file("/b", { modifiedAtMs: 2 }),
    file("/c", { mode: 0o600 }),
    file("/d", { type: "directory", modifiedAtMs: 2 }),
    file("/e", { type: "symlink" }),
    file("/f"),
  ];
  expect(await next()).toEqual(["remove /a", "write /b", "chmod /c", "remove /e", "create /e", "create /f"]);
  expect(await next()).toEqual([]);
});

test("a folder of several pages is seen whole; one with too much is refused, or told of as an overflow", async () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => file(`/${String(at).padStart(6, "0")}`));
  files = many(2500);
  const next = await watched();
  files = many(2501);
  expect(await next()).toEqual(["create /002500"]);
  files = many(10_001);
  expect(await next()).toEqual(["overflow "]);
  expect(await next()).toEqual([]);
  await expect(watchFolder(list, stop.signal)).rejects.toMatchObject({
    code: "invalid_request",
    field: "path",
  });
  files = many(2);
  expect(await next()).toEqual(["overflow "]);
  files = many(1);
  expect(await next()).toEqual(["remove /000001"]);
});
