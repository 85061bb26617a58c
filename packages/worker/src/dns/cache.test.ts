import { expect, test } from "vitest";
import { Cache } from "./cache.ts";
import type { Resolution } from "./resolution.ts";

const of = (bytes: number): Resolution => ({ rcode: 0, chain: [], records: [], ttlSec: 60, bytes });
const ROOMY = { entries: 100, bytes: 1_000_000 };

test("an entry ends with its time and gives back its room", () => {
  const cache = new Cache(ROOMY);
  cache.set("a", { resolution: of(10), expiresAtMs: 1000 });
  expect(cache.get("a", 999)?.resolution.bytes).toBe(10);
  expect(cache.get("a", 1000)).toBeUndefined();
  expect(cache.size).toEqual({ entries: 0, bytes: 0 });
});

test("beyond the number of entries the one goes that was asked for the longest ago", () => {
  const cache = new Cache({ ...ROOMY, entries: 2 });
  for (const key of ["a", "b"]) cache.set(key, { resolution: of(10), expiresAtMs: 1000 });
  cache.get("a", 0);
  cache.set("c", { resolution: of(10), expiresAtMs: 1000 });
  expect(["a", "b", "c"].map((key) => cache.get(key, 0) !== undefined)).toEqual([true, false, true]);
});

test("bytes are bounded, and a replaced entry counts once", () => {
  const cache = new Cache({ ...ROOMY, bytes: 10_000 });
  for (let index = 0; index < 50; index += 1) cache.set("same", { resolution: of(2000), expiresAtMs: 1000 });
  expect(cache.size.entries).toBe(1);
  for (let index = 0; index < 50; index += 1)
    cache.set(`n${index}`, { resolution: of(2000), expiresAtMs: 1000 });
  expect(cache.size.bytes).toBeLessThanOrEqual(10_000);
  expect(cache.size.entries).toBe(4);
  cache.set("huge", { resolution: of(20_000), expiresAtMs: 1000 });
  expect(cache.size).toEqual({ entries: 0, bytes: 0 });
});
