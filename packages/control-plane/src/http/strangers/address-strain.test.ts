import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AddressStrain } from "./address-strain.ts";

let nowMs = 0;
let strain: AddressStrain;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  nowMs = 0;
  strain = new AddressStrain({ strainEasedPerSec: 100, addresses: 3 }, () => nowMs);
});

afterEach(() => {
  vi.useRealTimers();
});

test("strain adds up, passes with time, and can be taken back", () => {
  strain.add("a", 200);
  nowMs += 500;
  expect(strain.levelOf("a")).toBe(150);
  strain.add("a", 50);
  expect(strain.levelOf("a")).toBe(200);
  strain.add("a", -80);
  expect(strain.levelOf("a")).toBe(120);
  strain.add("a", -500);
  expect([strain.levelOf("a"), strain.levelOf("b"), strain.size]).toEqual([0, 0, 0]);
});

test("addresses are forgotten once their strain has passed", () => {
  strain.add("a", 100);
  strain.add("b", 10_000);
  nowMs += 5000;
  vi.advanceTimersByTime(5000);
  expect(strain.size).toBe(1);
  nowMs += 100_000;
  vi.advanceTimersByTime(5000);
  expect(strain.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("of more addresses than are kept in mind, the one that was quiet for longest is forgotten", () => {
  for (const address of ["a", "b", "c", "a", "d"]) strain.add(address, 10);
  expect(strain.size).toBe(3);
  expect(["a", "b", "c", "d"].map((address) => strain.levelOf(address))).toEqual([20, 0, 10, 10]);
});
