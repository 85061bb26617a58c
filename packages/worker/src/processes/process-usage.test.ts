import { performance } from "node:perf_hooks";
import { expect, test } from "vitest";
import { cpuSecondsOf, residentBytesOf } from "./process-usage.ts";

test("processor time grows with work, as the kernel tells the process itself", async () => {
  const before = (await cpuSecondsOf(process.pid)) ?? 0;
  const until = performance.now() + 300;
  while (performance.now() < until) Math.sqrt(until);
  const after = (await cpuSecondsOf(process.pid)) ?? 0;
  const { user, system } = process.cpuUsage();
  expect(after).toBeGreaterThan(before);
  expect(Math.abs(after - (user + system) / 1e6)).toBeLessThan(0.2);
});

test("memory is the process's share of what it has mapped", async () => {
  const before = (await residentBytesOf(process.pid)) ?? 0;
  const held = Buffer.alloc(64 * 1024 ** 2, 1);
  const grown = ((await residentBytesOf(process.pid)) ?? 0) - before;
  expect(grown).toBeGreaterThan(held.length * 0.8);
  expect(before).toBeLessThan(process.memoryUsage.rss());
});

test("a process that is gone has neither", async () => {
  const none = 2 ** 22 + 1;
  expect(await Promise.all([cpuSecondsOf(none), residentBytesOf(none)])).toEqual([undefined, undefined]);
});
