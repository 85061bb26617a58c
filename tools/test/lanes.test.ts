import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { inLanes } from "./lanes.ts";

test("as many run at once as there are lanes, and a free lane takes the next", async () => {
  const running = new Set<string>();
  const seen: string[] = [];
  const results = await inLanes(["long", "short", "next", "last"], 2, async (name) => {
    running.add(name);
    seen.push([...running].join("+"));
    await sleep(name === "long" ? 200 : 10);
    running.delete(name);
    return name.length;
  });
  expect(seen).toEqual(["long", "long+short", "long+next", "long+last"]);
  expect(results).toEqual([4, 5, 4, 4]);
});

test("nothing to run is no result", async () => {
  expect(await inLanes([], 2, () => Promise.reject(new Error("ran")))).toEqual([]);
});

test("what throws is told", async () => {
  await expect(inLanes([1], 2, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
});
