import { expect, test } from "vitest";
import { seededRandom } from "../../e2e/harness/seeded-random.ts";
import { compare, renderComparison } from "./verdict.ts";

const ROUNDS = 30;

/** Two sides that drift together, as a machine does that gets busier; ours is slower by `slower`, give or take `spread`. */
function sides(slower: number, spread: number): { ours: number[]; theirs: number[] } {
  const random = seededRandom(7);
  const theirs = Array.from({ length: ROUNDS }, (_, round) => 100 + round + random());
  return { theirs, ours: theirs.map((one) => one + slower + spread * (random() - 0.5)) };
}

function verdictOf(name: "launch" | "launch from the pool", slower: number, spread: number): string {
  const { ours, theirs } = sides(slower, spread);
  return compare(name, ours, theirs, seededRandom(1)).verdict;
}

test("the same code is within what is allowed, although the machine drifts by a third", () => {
  expect(verdictOf("launch", 0, 4)).toBe("within");
});

test("what is slower by more than three percent is found", () => {
  expect(verdictOf("launch", 6, 4)).toBe("slower");
});

test("two milliseconds are allowed from the pool, not three", () => {
  expect(verdictOf("launch from the pool", 1.5, 0.5)).toBe("within");
  expect(verdictOf("launch from the pool", 3, 0.5)).toBe("slower");
});

test("a difference that the noise hides is called unclear", () => {
  expect(verdictOf("launch", 3, 40)).toBe("unclear");
});

test("the table says difference, noise and what is allowed", () => {
  const { ours, theirs } = sides(6, 0);
  const table = renderComparison(new Map([["launch", compare("launch", ours, theirs, seededRandom(1))]]));
  expect(table).toMatch(/launch +120\.8 ms +114\.8 ms +\+6\.0 ms +\+5\.2 % +±0\.0 ms +\+3\.4 ms +slower/);
});
