/** What is kept of a log, in memory and in files, and what of it a later process finds. */
import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommandLogs } from "./command-logs.ts";
import { LogFiles } from "./log-files.ts";
import type { LogLine } from "./log-line.ts";

const line = (text: string): LogLine => ({ source: "stdout", at: 7, text });
async function textsAfter(logs: CommandLogs, id: string, count: number): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const [number, { text }] of (await logs.of(id)).after(count))
    found.push([number, text.slice(0, 8)]);
  return found;
}
const print = async (logs: CommandLogs, id: string, ...texts: readonly string[]) => {
  const log = await logs.of(id);
  for (const text of texts) await log.append(line(text));
};

describe("in memory", () => {
  test("lines have numbers that stay, and the oldest go when there are too many bytes", async () => {
    const logs = new CommandLogs();
    await print(logs, "one", "a", "b", "c");
    expect(await textsAfter(logs, "one", 1)).toEqual([
      [2, "b"],
      [3, "c"],
    ]);
    await print(logs, "one", "d".repeat(256 * 1024));
    // One that is larger by itself is there nevertheless.
    expect(await textsAfter(logs, "one", 0)).toEqual([[4, "dddddddd"]]);
    await print(logs, "one", "e");
    expect(await textsAfter(logs, "one", 1)).toEqual([[5, "e"]]);
    expect(await textsAfter(logs, "one", 5)).toEqual([]);
  });

  test("whoever waits is told of the next line", async () => {
    const log = await new CommandLogs().of("one");
    const { changed } = log;
    await log.append(line("a"));
    await changed;
    let isTold = false;
    void log.changed.then(() => (isTold = true));
    await Promise.resolve();
    expect(isTold).toBe(false);
  });

  test("the sandbox that was silent for longest is forgotten, unless somebody follows it", async () => {
    const logs = new CommandLogs();
    const { generation } = await logs.of("first");
    const followed = await logs.of("followed");
    const release = followed.hold();
    await print(logs, "second", "kept");
    expect((await logs.of("first")).generation).toBe(generation);
    for (let i = 0; i < 126; i += 1) await logs.of(`other ${i}`);
    expect((await logs.of("first")).generation).toBe(generation);
    expect(await textsAfter(logs, "second", 0)).toEqual([]);
    expect((await logs.of("followed")).generation).toBe(followed.generation);
    release();
  });
});

describe("in files", () => {
  let folder: string;
  const failures: unknown[] = [];
  const process = () => new CommandLogs({ folder, onError: (error) => failures.push(error) });

  beforeEach(async () => {
    failures.length = 0;
    folder = await mkdtemp(join(tmpdir(), "fastvm-logs-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("a log outgrows memory, and goes on in the next process under its generation", async () => {
    const logs = process();
    const big = Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(20_000)}`);
    await print(logs, "one", ...big);
    const all = await textsAfter(logs, "one", 0);
    expect(all.map(([number]) => number)).toEqual(big.map((_, index) => index + 1));
    expect(all.map(([, text]) => text)).toEqual(big.map((text) => text.slice(0, 8)));
    const { generation } = await logs.of("one");
    const later = process();
    expect(await later.of("one")).toMatchObject({ generation, count: 40 });
    await print(later, "one", "new\nline");
    expect(await textsAfter(later, "one", 38)).toEqual([
      [39, "38 xxxxx"],
      [40, "39 xxxxx"],
      [41, "new\nline"],
    ]);
    for await (const [, found] of (await later.of("one")).after(40)) expect(found).toEqual(line("new\nline"));
    expect(failures).toEqual([]);
  });

  test("four take turns, and the oldest goes", async () => {
    const open = () => LogFiles.open(folder, 1n, (error) => failures.push(error), 100);
    const log = await open();
    const numbers = async (from: LogFiles, after = 0): Promise<number[]> => {
      const found: number[] = [];
      for await (const [number] of from.between(after, from.count)) found.push(number);
      return found;
    };
    for (let i = 1; i <= 10; i += 1) {
      await log.append(line("y".repeat(100)));
      await numbers(log);
    }
    expect(await numbers(log)).toEqual([7, 8, 9, 10]);
    expect(await numbers(log, 8)).toEqual([9, 10]);
    expect(await readdir(folder)).toHaveLength(4);
    expect(await numbers(await open())).toEqual([7, 8, 9, 10]);
  });

  test("half a line of a process that was killed is none", async () => {
    await print(process(), "one", "a", "b");
    await expect.poll(async () => textsAfter(process(), "one", 0)).toHaveLength(2);
    const [name = ""] = await readdir(join(folder, "one"));
    await appendFile(join(folder, "one", name), '{"t":7,"s":"std');
    const later = process();
    await print(later, "one", "c");
    const expected = [
      [1, "a"],
      [2, "b"],
      [3, "c"],
    ];
    expect(await textsAfter(later, "one", 0)).toEqual(expected);
    await expect.poll(async () => textsAfter(process(), "one", 0)).toEqual(expected);
    await truncate(join(folder, "one", name), 10);
    await expect(textsAfter(process(), "one", 0)).resolves.toEqual([[3, "c"]]);
  });

  test("a disk that takes nothing is told once for each attempt, and memory goes on", async () => {
    await writeFile(join(folder, "one"), "in the way");
    const logs = process();
    await print(logs, "one", "a");
    expect(await textsAfter(logs, "one", 0)).toEqual([[1, "a"]]);
    expect(failures).toMatchObject([{ code: "EEXIST" }]);
  });

  test("of sandboxes that are gone go, and the others stay", async () => {
    const logs = process();
    await print(logs, "here", "a");
    await print(logs, "gone", "b");
    await expect.poll(() => readdir(join(folder, "gone"))).toHaveLength(1);
    await logs.sweep(async (ids) => new Set(ids.filter((id) => id === "here")));
    expect(await readdir(folder)).toEqual(["here"]);
    await logs.remove("here");
    expect(await readdir(folder)).toEqual([]);
  });
});
