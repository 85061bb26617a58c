/** What is kept of a log, in memory and in files, and what of it a later process finds. */
import { appendFile, mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommandLogs } from "./command-logs.ts";
import { LogFiles } from "./log-files.ts";
import type { LogLine } from "./log-line.ts";
import type { LogRoomOptions } from "./log-room.ts";

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
  const process = (limits: Partial<LogRoomOptions> = {}) =>
    new CommandLogs({ folder, onError: (error) => failures.push(error), ...limits });

  beforeEach(async () => {
    failures.length = 0;
    folder = await mkdtemp(join(tmpdir(), "fastvm-logs-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (fileBytes?: number) =>
    LogFiles.open(folder, 1n, { onError: (error) => failures.push(error), fileBytes });
  const numbers = async (from: LogFiles, after = 0, upTo = from.count): Promise<number[]> => {
    const found: number[] = [];
    for await (const [number] of from.between(after, upTo)) found.push(number);
    return found;
  };
  /** So that each file has one. */
  const printLong = async (log: LogFiles, count: number): Promise<void> => {
    for (let i = 1; i <= count; i += 1) {
      await log.append(line("y".repeat(100)));
      await numbers(log);
    }
  };

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
    const log = await open(100);
    await printLong(log, 10);
    expect(await numbers(log)).toEqual([7, 8, 9, 10]);
    expect(await numbers(log, 8)).toEqual([9, 10]);
    expect(await readdir(folder)).toHaveLength(4);
    expect(await numbers(await open(100))).toEqual([7, 8, 9, 10]);
  });

  test("a line may have in it what else ends lines", async () => {
    const log = await open();
    const texts = ["a\u2028b\u2029c", "d\r\n\u0085\ve\f", "\u{1f600} f"];
    for (const text of texts) await log.append(line(text));
    const found: [number, string][] = [];
    for await (const [number, { text }] of log.between(0, log.count)) found.push([number, text]);
    expect(found).toEqual(texts.map((text, index) => [index + 1, text]));
  });

  test("a reader that stops leaves no file open", async () => {
    const log = await open();
    // More lines than a reader of Node's own takes ahead.
    for (let i = 0; i < 20_000; i += 1) void log.append(line("z"));
    expect(await numbers(log)).toHaveLength(20_000);
    const openFiles = async () => (await readdir("/proc/self/fd")).length;
    const before = await openFiles();
    for (let i = 0; i < 20; i += 1) {
      for await (const [number] of log.between(0, log.count)) if (number === 2) break;
      expect(await numbers(log, 0, 2)).toEqual([1, 2]);
    }
    await expect.poll(openFiles).toBeLessThan(before + 20);
  });

  test("a file that goes while somebody reads takes its lines alone", async () => {
    const log = await open(100);
    await printLong(log, 4);
    const [, second = ""] = (await readdir(folder)).toSorted();
    const found: number[] = [];
    for await (const [number] of log.between(0, log.count)) {
      found.push(number);
      await rm(join(folder, second), { force: true });
    }
    expect(found).toEqual([1, 3, 4]);
    await rm(folder, { recursive: true });
    expect(await numbers(log)).toEqual([]);
  });

  test("nobody waits for what others print meanwhile", async () => {
    const log = await open();
    const over = new AbortController();
    const printing = (async () => {
      for (let i = 0; i < 5000 && !over.signal.aborted; i += 1) {
        void log.append(line("busy"));
        await nextTurn();
      }
      return over.signal.aborted ? "goes on" : "has ended";
    })();
    await nextTurn();
    for (let i = 0; i < 3; i += 1) await log.append(line("w".repeat(600_000)));
    expect(await numbers(log, 0, 1)).toEqual([1]);
    over.abort();
    expect(await printing).toBe("goes on");
    await numbers(log);
  });

  test("a new file that a killed process began has no name that is taken", async () => {
    await printLong(await open(100), 4);
    const names = (await readdir(folder)).toSorted();
    await writeFile(join(folder, (names[0] ?? "").replace(".0.", ".4.")), '{"t":7,"s":"std');
    const log = await open(100);
    expect(log.count).toBe(4);
    await printLong(log, 4);
    expect(await numbers(log)).toEqual([5, 6, 7, 8]);
    expect(await numbers(await open(100))).toEqual([5, 6, 7, 8]);
    expect(failures).toEqual([]);
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
    const release = (await logs.of("one")).hold();
    await rm(join(folder, "one"));
    await print(logs, "one", "b");
    // Whoever follows it goes on in the same.
    expect(await readdir(folder)).toEqual([]);
    release();
    await print(logs, "one", "c");
    const all = [
      [1, "a"],
      [2, "b"],
      [3, "c"],
    ];
    expect(await textsAfter(logs, "one", 0)).toEqual(all);
    await expect.poll(async () => textsAfter(process(), "one", 0)).toEqual(all);
    expect(failures).toHaveLength(1);
  });

  test("of a disk that is nearly full take nothing, tell so once, and go on when there is room", async () => {
    const room = { freeBytes: 99 };
    const logs = process({ freeBytesFloor: 100, freeBytes: async () => room.freeBytes });
    const printWith = async (freeBytes: number, id: string, ...texts: readonly string[]) => {
      room.freeBytes = freeBytes;
      await print(logs, id, ...texts);
      await expect.poll(async () => (await logs.of(id)).isIdle).toBe(true);
    };
    await printWith(99, "one", "a", "b");
    await printWith(99, "two", "c");
    expect(await textsAfter(logs, "one", 0)).toHaveLength(2);
    expect(failures).toMatchObject([{ code: "out_of_disk" }]);
    expect(await readdir(join(folder, "two"))).toEqual([]);
    await printWith(100, "one", "d");
    await printWith(99, "one", "e");
    await printWith(100, "one", "f");
    expect(await textsAfter(process(), "one", 0)).toEqual([
      [3, "d"],
      [5, "f"],
    ]);
    expect(await readdir(join(folder, "one"))).toHaveLength(1);
    expect(failures).toHaveLength(2);
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

  test("one that cannot be removed is told, and the next ones go", async () => {
    const logs = process();
    const ids = ["a", "b", "c"];
    for (const id of ids) await mkdir(join(folder, id));
    // No path leads to its depth.
    const [half, other] = [
      join("b", ...Array(15).fill("d".repeat(200))),
      join("e", ...Array(15).fill("d".repeat(200))),
    ];
    for (const path of [half, other]) await mkdir(join(folder, path), { recursive: true });
    await rename(join(folder, "e"), join(folder, half, "e"));
    try {
      await logs.sweep(async () => new Set());
      expect(failures).toMatchObject([{ code: "ENAMETOOLONG" }]);
      expect(await readdir(folder)).toEqual(["b"]);
    } finally {
      await rename(join(folder, half, "e"), join(folder, "e"));
    }
  });
});
