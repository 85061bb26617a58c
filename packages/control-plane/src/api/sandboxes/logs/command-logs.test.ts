import { expect, test } from "vitest";
import { CommandLogs, type LogLine } from "./command-logs.ts";

const line = (text: string): LogLine => ({ source: "stdout", at: 0, text });
const textsAfter = (logs: CommandLogs, id: string, count: number) =>
  logs
    .of(id)
    .after(count)
    .map(([number, { text }]) => [number, text.slice(0, 8)]);

test("lines have numbers that stay, and the oldest go when there are too many bytes", () => {
  const logs = new CommandLogs();
  for (const text of ["a", "b", "c"]) logs.of("one").append(line(text));
  expect(textsAfter(logs, "one", 1)).toEqual([
    [2, "b"],
    [3, "c"],
  ]);
  logs.of("one").append(line("d".repeat(256 * 1024)));
  // One that is larger by itself is there nevertheless.
  expect(textsAfter(logs, "one", 0)).toEqual([[4, "dddddddd"]]);
  logs.of("one").append(line("e"));
  expect(textsAfter(logs, "one", 1)).toEqual([[5, "e"]]);
  expect(textsAfter(logs, "one", 5)).toEqual([]);
});

test("whoever waits is told of the next line", async () => {
  const log = new CommandLogs().of("one");
  const { changed } = log;
  log.append(line("a"));
  await changed;
  let isTold = false;
  void log.changed.then(() => (isTold = true));
  await Promise.resolve();
  expect(isTold).toBe(false);
});

test("the sandbox that was silent for longest is forgotten, which its next log says", () => {
  const logs = new CommandLogs();
  const { generation } = logs.of("first");
  logs.of("second").append(line("kept"));
  expect(logs.of("first").generation).toBe(generation);
  for (let i = 0; i < 127; i += 1) logs.of(`other ${i}`);
  expect(logs.of("first").generation).toBe(generation);
  expect(textsAfter(logs, "second", 0)).toEqual([]);
});
