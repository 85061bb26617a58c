/** Items as RFC 8949 has them, and bytes that are none. */
import { expect, test } from "vitest";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import type { Cbor } from "./cbor.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

/** Of its appendix A, but for the last. */
const ITEMS: readonly (readonly [Cbor, string])[] = [
  [0, "00"],
  [23, "17"],
  [24, "1818"],
  [255, "18ff"],
  [256, "190100"],
  [1_000_000, "1a000f4240"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [-1, "20"],
  [-1000, "3903e7"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  ["", "60"],
  ["\u6c34", "63e6b0b4"],
  [bytesOf("01020304"), "4401020304"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [{ a: 1, b: [2, 3] }, "a26161016162820203"],
  [{ p: new Uint8Array(70_000) }, `a161705a00011170${"00".repeat(70_000)}`],
];

test.each(ITEMS)("%j, both ways", (value, encoded) => {
  expect(hex(encodeCbor(value))).toBe(encoded);
  expect(decodeCbor(bytesOf(encoded))).toEqual(value);
});

test.each([
  ["nothing", ""],
  ["one that is cut", "6361"],
  ["two", "0000"],
  ["a number of no size", "1c"],
  ["a list longer than all there is", "9b0000000fffffffff"],
  ["a key that is no text", "a10101"],
  ["a fraction", "f93c00"],
  ["one without an end", "7f61610a"],
  ["one that is nested too deep", "81".repeat(40)],
])("%s is refused", (_what, encoded) => {
  expect(() => decodeCbor(bytesOf(encoded))).toThrow("no message");
});

test("a fraction is none of its numbers", () => {
  expect(() => encodeCbor(1.5)).toThrow("whole number");
});
