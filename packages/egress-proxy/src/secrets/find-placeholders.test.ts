import { expect, test } from "vitest";
import { PlaceholderFinder, type Found } from "./find-placeholders.ts";

const needle = (text: string) => ({ bytes: Buffer.from(text), of: text });

/** Pieces as they come, with what is held back put before the next. */
function searchPieces(finder: PlaceholderFinder<string>, pieces: readonly Buffer[]): readonly string[] {
  const found: string[] = [];
  let held: Buffer = Buffer.alloc(0);
  for (const [index, piece] of pieces.entries()) {
    const bytes = Buffer.concat([held, piece]);
    const search = finder.search(bytes, index === pieces.length - 1);
    found.push(...search.found.map(({ of }) => of));
    held = bytes.subarray(search.settled);
  }
  return found;
}

function everyEscape(text: string): readonly string[] {
  const bytes = [...Buffer.from(text)];
  return [
    text,
    bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
    bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    bytes.map((byte) => `\\u00${byte.toString(16).padStart(2, "0")}`).join(""),
    text.replace("$", "%24"),
    text.replace("$", "\\u0024"),
    text.replace("B", "%42").replace("K", "\\u004B"),
  ];
}

test("a placeholder is found however it is escaped and wherever it is cut", () => {
  const finder = new PlaceholderFinder([needle("$MSB_KEY"), needle("other")]);
  for (const written of everyEscape("$MSB_KEY")) {
    const bytes = Buffer.from(`%x\\u$${written}\\`);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(searchPieces(finder, pieces), `${written} cut at ${cut}`).toEqual(["$MSB_KEY"]);
    }
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(searchPieces(finder, single), `${written} byte by byte`).toEqual(["$MSB_KEY"]);
  }
});

test("only what may yet become one is held back", () => {
  const finder = new PlaceholderFinder([needle("$KEY")]);
  expect(finder.search(Buffer.from("data $K and more"), false)).toEqual({ found: [], settled: 16 });
  expect(finder.search(Buffer.from("data $KE"), false).settled).toBe(5);
  expect(finder.search(Buffer.from("data %2"), false).settled).toBe(5);
  expect(finder.search(Buffer.from("data \\u002"), false).settled).toBe(5);
  expect(finder.search(Buffer.from("data %3"), false).settled).toBe(7);
  expect(finder.search(Buffer.from("data $KE"), true).settled).toBe(8);
});

test("of two the longer is found, and the shorter where the longer does not come", () => {
  const finder = new PlaceholderFinder([needle("$A"), needle("$AB")]);
  const of = (found: readonly Found<string>[]) => found.map((one) => one.of);
  expect(of(finder.search(Buffer.from("$AB $A $AC"), true).found)).toEqual(["$AB", "$A", "$A"]);
  expect(finder.search(Buffer.from("$A"), false)).toEqual({ found: [], settled: 0 });
});

test("one that has the characters of escapes in it is found as it is and escaped", () => {
  const finder = new PlaceholderFinder([needle("%k\\%24")]);
  for (const text of ["%k\\%24", "%25k%5c%2524", "\\u0025k\\u005c%24", "%25k\\\\u002524"]) {
    expect(finder.search(Buffer.from(text), true).found, text).toHaveLength(1);
  }
  expect(finder.search(Buffer.from("%k\\%2x%25k"), true).found).toEqual([]);
});

test("an escape of something else, and one that is no escape, are nothing", () => {
  const finder = new PlaceholderFinder([needle("$K")]);
  for (const text of ["%25K", "%2gK", "\\U0024K", "\\u1024K", "%24 K", "$%4cK"])
    expect(finder.search(Buffer.from(text), true).found, text).toEqual([]);
  expect(new PlaceholderFinder<string>([needle("")]).search(Buffer.from("%24"), false).settled).toBe(3);
});
