import { expect, test } from "vitest";
import { LogLines } from "./log-lines.ts";

const told = (lines: LogLines, ...texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => lines.take(Buffer.from(text)));

test("lines are told when they have ended, in however many pieces they come", () => {
  expect(told(new LogLines(), "a\nb", "c\n", "", "\nd")).toEqual(["a", "bc", ""]);
});

test("a character that is cut in two is one", () => {
  const bytes = Buffer.from("é\n");
  const lines = new LogLines();
  expect([bytes.subarray(0, 1), bytes.subarray(1)].flatMap((piece) => lines.take(piece))).toEqual(["é"]);
});

test("of a line without an end no more is kept than is told at once", () => {
  const lines = new LogLines();
  const piece = "x".repeat(40_000);
  expect(told(lines, piece, piece, "y\n")).toEqual([piece + piece, "y"]);
});
