import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { expect, test } from "vitest";
import { cpuSecondsOf, memoryOf } from "./process-usage.ts";

const HELD_BYTES = 64 * 1024 ** 2;
const HOLD_ON_INPUT = `
let held;
process.stdin.on("data", () => { held = Buffer.alloc(${HELD_BYTES}, 1); console.log(held.length); });
console.log("ready");
`;

/** Resident pages, shared or not, each in full. */
async function mappedBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

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
  // Another process than ours, which collects its garbage when it likes.
  const child = spawn(process.execPath, ["-e", HOLD_ON_INPUT], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const pid = child.pid ?? 0;
    await once(child.stdout, "data");
    const before = (await memoryOf(pid))?.residentBytes ?? 0;
    child.stdin.write("hold");
    await once(child.stdout, "data");
    expect(((await memoryOf(pid))?.residentBytes ?? 0) - before).toBeGreaterThan(HELD_BYTES * 0.8);
    // Its program is mapped by us, too.
    expect(before).toBeLessThan(await mappedBytes(pid));
  } finally {
    child.kill();
  }
});

test("a process that is gone has neither", async () => {
  const none = 2 ** 22 + 1;
  expect(await Promise.all([cpuSecondsOf(none), memoryOf(none)])).toEqual([undefined, undefined]);
});
