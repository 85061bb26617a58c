import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { newVmId } from "@fastvm/contract";
import { Deadlines } from "./deadlines.ts";

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function setup() {
  const due: string[] = [];
  const deadlines = new Deadlines((vmId) => due.push(vmId));
  return { due, deadlines, vmId: newVmId() };
}

test("a deadline is told once, when it has come", () => {
  const { due, deadlines, vmId } = setup();
  deadlines.set(vmId, { atMs: Date.now() + 1000, action: "pause" });
  vi.advanceTimersByTime(999);
  expect(due).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(due).toEqual([vmId]);
  vi.advanceTimersByTime(DAY_MS);
  expect(due).toEqual([vmId]);
});

test("one that has passed is told at once", () => {
  const { due, deadlines, vmId } = setup();
  deadlines.set(vmId, { atMs: Date.now() - DAY_MS, action: "delete" });
  vi.advanceTimersByTime(1);
  expect(due).toEqual([vmId]);
});

test("a later one takes the place of an earlier one, and none of any", () => {
  const { due, deadlines, vmId } = setup();
  deadlines.set(vmId, { atMs: Date.now() + 1000, action: "pause" });
  deadlines.set(vmId, { atMs: Date.now() + 5000, action: "pause" });
  vi.advanceTimersByTime(4000);
  expect(due).toEqual([]);
  deadlines.set(vmId, undefined);
  vi.advanceTimersByTime(DAY_MS);
  expect(due).toEqual([]);
});

test("a year is waited for in whole", () => {
  const { due, deadlines, vmId } = setup();
  deadlines.set(vmId, { atMs: Date.now() + 365 * DAY_MS, action: "pause" });
  vi.advanceTimersByTime(365 * DAY_MS - 1);
  expect(due).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(due).toEqual([vmId]);
});

test("what failed is tried again, and nothing after the end", () => {
  const { due, deadlines, vmId } = setup();
  deadlines.retry(vmId);
  vi.advanceTimersByTime(5000);
  expect(due).toEqual([vmId]);
  deadlines.retry(vmId);
  deadlines.close();
  vi.advanceTimersByTime(DAY_MS);
  expect(due).toEqual([vmId]);
});
