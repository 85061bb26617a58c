import { expect, test } from "vitest";
import { seededRandom } from "../guest-link/seeded-random.ts";
import { AnswerReader } from "./pages-answer.ts";
import type { Answer } from "./pages-answer.ts";

const CHANGES = 3000;
const EXTENTS = [
  { firstPage: 3, pages: 4, filePage: 0 },
  { firstPage: 0xffff_fff0, pages: 10, filePage: 4 },
];
const ANSWERS: readonly Answer[] = [
  { id: 1, errno: 0, pages: 14, filePage: 14, extents: EXTENTS },
  { id: 2, errno: 28, pages: 0, filePage: 7, extents: [] },
  { id: 3, errno: 0, pages: 4, filePage: 4, extents: EXTENTS.slice(0, 1) },
];

function encode({ id, errno, pages, filePage, extents }: Answer): Buffer {
  const numbers = extents.flatMap((extent) => [extent.firstPage, extent.pages, extent.filePage]);
  const line = Buffer.from(`${id} ${errno} ${pages} ${filePage} ${extents.length}\n`);
  return Buffer.concat([line, Buffer.from(Uint32Array.from(numbers).buffer)]);
}

const BYTES = Buffer.concat(ANSWERS.map(encode));

/** In pieces of `size` bytes. */
function readAll(bytes: Buffer, size: number): readonly Answer[] {
  const reader = new AnswerReader();
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length; at += size) answers.push(...reader.read(bytes.subarray(at, at + size)));
  return answers;
}

test("answers are the same however they are cut", () => {
  for (let size = 1; size <= BYTES.length; size++) expect(readAll(BYTES, size)).toEqual(ANSWERS);
});

test.each([
  "",
  "1 0 0 0",
  "1 0 0 0 x",
  "1 0 0 0 -1",
  "-1 0 0 0 0",
  "1 0 0 0 0.5",
  "1 0 0 0 99999999999",
  "1 0 0 1e3 0",
  "1 0 0x1f 0 0",
  "1 0 0 0 0 0",
])("%j is no answer", (line) => {
  expect(() => readAll(Buffer.from(`${line}\n`), 1)).toThrow("none");
});

test("a line without an end is none", () => {
  expect(() => readAll(Buffer.alloc(300, "1"), 7)).toThrow("none");
});

test("with any bytes changed, what is read are whole answers, until one is none", () => {
  const random = seededRandom("answers of what copies pages", undefined);
  for (let change = 0; change < CHANGES; change++) {
    const bytes = Buffer.from(BYTES);
    for (let left = 1 + random(3); left > 0; left--) bytes[random(bytes.length)] = random(256);
    try {
      const answers = readAll(bytes, 1 + random(bytes.length));
      // What was read is what is there, from its beginning on, in other words or the same.
      expect(Buffer.concat(answers.map(encode)).length, `change ${change}`).toBeLessThanOrEqual(bytes.length);
      for (const { extents } of answers)
        expect(extents.every(({ pages }) => Number.isSafeInteger(pages))).toBe(true);
    } catch (error) {
      expect(error, `change ${change}`).toMatchObject({ message: expect.stringContaining("none") });
    }
  }
});
