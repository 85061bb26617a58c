import { expect, test } from "vitest";
import { eachInTurn } from "./each-in-turn.ts";

test("each is done in turn, whatever became of those before; the first error is told", async () => {
  const done: string[] = [];
  const doing = (name: string, error?: Error) => async (): Promise<void> => {
    await Promise.resolve();
    done.push(name);
    if (error !== undefined) throw error;
  };
  const first = new Error("first");
  await expect(
    eachInTurn(doing("a"), doing("b", first), doing("c", new Error("later")), doing("d")),
  ).rejects.toBe(first);
  expect(done).toEqual(["a", "b", "c", "d"]);
  await expect(eachInTurn(doing("e"))).resolves.toBeUndefined();
});
