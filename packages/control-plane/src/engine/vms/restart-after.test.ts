/** One that ends again and again starts again ever later, and at once after it has run for long. */
import { expect, test } from "vitest";
import { restartAfter } from "./restart-after.ts";

const MINUTE_MS = 60_000;

test("who ends again and again waits twice as long each time, up to five minutes", () => {
  let vm = { restartPolicy: "always", restartCount: 0, startedAt: 0 } as const as {
    restartPolicy: "always";
    restartCount: number;
    startedAt: number;
  };
  const pauses: number[] = [];
  for (let at = 1000; pauses.length < 12; at += 1000) {
    const { restartAt, restartCount = 0 } = restartAfter({ ...vm, startedAt: at }, "guest", at);
    pauses.push((restartAt ?? Number.NaN) - at);
    vm = { ...vm, restartCount };
  }
  expect(pauses.slice(0, 4)).toEqual([0, 1000, 2000, 4000]);
  expect(pauses.at(-1)).toBe(5 * MINUTE_MS);
  const lasting = restartAfter({ ...vm, startedAt: 0 }, "guest", MINUTE_MS);
  expect(lasting).toEqual({ restartAt: MINUTE_MS, restartCount: 1 });
});

test("told to end, or not covered, it does not", () => {
  const vm = { restartPolicy: "on-host-failure", restartCount: 0, startedAt: 0 } as const;
  for (const cause of [undefined, "guest"] as const)
    expect(restartAfter(vm, cause, 1)).toEqual({ restartAt: null });
  expect(restartAfter(vm, "host", 1).restartAt).toBe(1);
});
