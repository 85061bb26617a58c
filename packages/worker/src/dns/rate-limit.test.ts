import { expect, test } from "vitest";
import { RateLimit } from "./rate-limit.ts";

const taken = (limit: RateLimit, count: number, nowMs: number): number =>
  Array.from({ length: count }, () => limit.take(nowMs)).filter(Boolean).length;

test("so many at once, then so many per second, and never more saved up than a burst", () => {
  const limit = new RateLimit({ perSecond: 10, burst: 5 }, 0);
  expect(taken(limit, 20, 0)).toBe(5);
  expect(taken(limit, 20, 300)).toBe(3);
  expect(taken(limit, 20, 350)).toBe(0);
  expect(taken(limit, 20, 400)).toBe(1);
  expect(taken(limit, 20, 1_000_000)).toBe(5);
});
