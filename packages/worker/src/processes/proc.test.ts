import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { identifyProcess, isAlive, killAndWait } from "./proc.ts";

test("a process of another boot is nobody, whoever has its pid and its tick by now", async () => {
  const stranger = spawn("sleep", ["60"]);
  const ended = once(stranger, "exit");
  const now = await identifyProcess(stranger.pid ?? 0);
  if (now === undefined) throw new Error("it has not begun");
  const then = { ...now, boot: "00000000-0000-4000-8000-000000000000" };
  expect([await isAlive(now), await isAlive(then)]).toEqual([true, false]);
  await killAndWait(then);
  expect(await isAlive(now)).toBe(true);
  // As an earlier version wrote it down.
  const { boot: _unknown, ...old } = now;
  expect(await isAlive(old)).toBe(true);
  await killAndWait(now);
  await ended;
});
