import { expect, test } from "vitest";
import { unlessAborted } from "./unless-aborted.ts";

test("is the work's outcome when nobody aborts", async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(async () => 1, signal)).toBe(1);
  expect(await unlessAborted(async () => 2, undefined)).toBe(2);
  await expect(unlessAborted(() => Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
});

test("ends with the reason at once, and what the work comes to later is nobody's", async () => {
  const caller = new AbortController();
  const work = Promise.withResolvers<void>();
  const outcome = unlessAborted(() => work.promise, caller.signal);
  caller.abort(new Error("enough"));
  await expect(outcome).rejects.toThrow("enough");
  // An unhandled rejection would fail the run.
  work.reject(new Error("too late"));
  await new Promise(setImmediate);
});

test("does not begin after an abort", async () => {
  let begun = false;
  const outcome = unlessAborted(
    async () => {
      begun = true;
    },
    AbortSignal.abort(new Error("before")),
  );
  await expect(outcome).rejects.toThrow("before");
  expect(begun).toBe(false);
});
