import { expect, test } from "vitest";
import { Demand } from "./demand.ts";

const BOUNDS = { least: 2, most: 8, idleMs: 1_000 };

test("is the least as long as everybody finds one", () => {
  const demand = new Demand(BOUNDS);
  expect(demand.wanted(0)).toBe(2);
  expect(demand.wanted(10_000)).toBe(2);
  expect(demand.isRaised).toBe(false);
});

test("grows by those who found none, at most twofold at a time and never beyond the most", () => {
  const demand = new Demand(BOUNDS);
  demand.miss();
  expect(demand.wanted(0)).toBe(3);
  for (let times = 0; times < 60; times++) demand.miss();
  expect(demand.wanted(1)).toBe(6);
  for (let times = 0; times < 60; times++) demand.miss();
  expect(demand.wanted(2)).toBe(8);
  expect(demand.wanted(3)).toBe(8);
});

test("shrinks step by step once nobody found none for a while", () => {
  const demand = new Demand(BOUNDS);
  for (const now of [0, 1]) {
    for (let times = 0; times < 9; times++) demand.miss();
    demand.wanted(now);
  }
  expect(demand.wanted(1_000)).toBe(8);
  expect(demand.wanted(1_001)).toBe(4);
  expect(demand.isRaised).toBe(true);
  expect(demand.wanted(1_500)).toBe(4);
  demand.miss();
  expect(demand.wanted(1_900)).toBe(5);
  expect(demand.wanted(2_899)).toBe(5);
  expect(demand.wanted(2_900)).toBe(2);
  expect(demand.isRaised).toBe(false);
});
