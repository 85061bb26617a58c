import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

const LONG_MS = 60_000;

test("so many work at once, and the others in the order in which they came", async () => {
  const turns = new Turns(2, LONG_MS);
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const work = async (name: string): Promise<void> => {
    using _turn = await turns.take();
    log.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
  };
  const all = ["a", "b", "c", "d"].map(work);
  await sleep(0);
  expect(log).toEqual(["a", "b"]);
  ends.get("b")?.();
  await sleep(0);
  expect(log).toEqual(["a", "b", "c"]);
  ends.get("a")?.();
  ends.get("c")?.();
  await sleep(0);
  expect(log).toEqual(["a", "b", "c", "d"]);
  ends.get("d")?.();
  await Promise.all(all);
});

test("whoever gives up while it waits takes no turn", async () => {
  const turns = new Turns(1, LONG_MS);
  const first = await turns.take();
  const giveUp = new AbortController();
  const second = turns.take(giveUp.signal);
  const third = turns.take();
  giveUp.abort(new Error("deleted"));
  await expect(second).rejects.toThrow("deleted");
  await expect(turns.take(AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  (await turns.take())[Symbol.dispose]();
});

test("one that hangs holds nobody up for longer than the patience, and its end counts once", async () => {
  const turns = new Turns(1, 20);
  const hanging = await turns.take();
  const second = await turns.take();
  hanging[Symbol.dispose]();
  let came = false;
  const third = turns.take().then((turn) => {
    came = true;
    return turn;
  });
  await sleep(0);
  expect(came).toBe(false);
  second[Symbol.dispose]();
  (await third)[Symbol.dispose]();
});
