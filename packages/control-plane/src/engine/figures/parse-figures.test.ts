/** What Linux says of itself, and what it does not. */
import { expect, test } from "vitest";
import { cpuPercent, parseFigures } from "./parse-figures.ts";

const TEXT = `cpu  100 0 50 800 50 0 0 0 7 0
cpu0 50 0 25 400 25 0 0 0 0 0
cpu1 50 0 25 400 25 0 0 0 0 0
intr 1 2 3
MemTotal:        1000 kB
MemFree:          100 kB
MemAvailable:     400 kB
/dev/root          10000  2500  7500  25% /
1 (init) S 0 1 1 0 -1 4 5 6 7 8 30 20 0 0 20 0 1 0 1 1000 25 18446744073709551615
77 (a) (b c) R 1 77 77 0 -1 4 5 6 7 8 1 2 0 0 20 0 1 0 1 1000 3 18446744073709551615
`;

test("figures are read from /proc and df", () => {
  expect(parseFigures(TEXT, 5)).toEqual({
    at: 5,
    cpuCount: 2,
    busyTicks: 150,
    totalTicks: 1000,
    memoryTotalBytes: 1_024_000,
    memoryUsedBytes: 614_400,
    disk: { totalBytes: 10_240_000, usedBytes: 2_560_000 },
    processes: [
      { pid: 1, parentPid: 0, command: "init", state: "S", ticks: 50, memoryBytes: 102_400 },
      { pid: 77, parentPid: 1, command: "a) (b c", state: "R", ticks: 3, memoryBytes: 12_288 },
    ],
  });
});

test("a guest without df has no disk, and one that says nothing has no figures", () => {
  expect(parseFigures(TEXT.replace(/^\/dev.*\n/m, ""), 0)?.disk).toBeNull();
  expect(parseFigures("", 0)).toBeUndefined();
  expect(parseFigures("cpu  1 2 3 4 5 6 7 8\n", 0)).toBeUndefined();
});

test("a share of the processors is of the time between two looks", () => {
  const before = parseFigures(TEXT, 0);
  const now = parseFigures(TEXT.replace("cpu  100 0 50 800", "cpu  175 0 50 825"), 0);
  if (before === undefined || now === undefined) throw new Error("there are no figures");
  expect(cpuPercent(before, now)).toBe(75);
  expect(cpuPercent(now, now)).toBeNull();
  expect(cpuPercent(undefined, before)).toBe(15);
  // A guest that was restored from an earlier state.
  expect(cpuPercent(now, before)).toBeNull();
});
