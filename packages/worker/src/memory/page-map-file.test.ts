import { describe, expect, test } from "vitest";
import { seededRandom } from "../guest-link/seeded-random.ts";
import { emptyMap, overlay } from "./page-map.ts";
import { assertWithinFiles, DamagedMapError, decodePageMap, encodePageMap } from "./page-map-file.ts";

const PAGES = 1000;
const HEADER_BYTES = 24;
const NAME_BYTES = 64;
const CHANGES = 2000;

const MAP = overlay(
  overlay(emptyMap(PAGES), "one", [
    { firstPage: 3, pages: 4, filePage: 0 },
    { firstPage: 100, pages: 50, filePage: 4 },
  ]),
  "two",
  [{ firstPage: 120, pages: 1, filePage: 0 }],
);
const EXTENTS_AT = HEADER_BYTES + MAP.files.length * NAME_BYTES;

/** The map's file with one number or text changed. */
function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = encodePageMap(MAP);
  change(bytes);
  return bytes;
}

describe("a page map's file", () => {
  test.each([
    ["a map", MAP],
    ["one of nothing", emptyMap(PAGES)],
  ])("gives back %s", (_, map) => {
    expect(decodePageMap(encodePageMap(map), PAGES)).toEqual(map);
  });

  test.each<[string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["something else", Buffer.alloc(200)],
    ["another version's", changed((bytes) => bytes.writeUInt32LE(2, 8))],
    ["one file too many", changed((bytes) => bytes.writeUInt32LE(3, 12))],
    ["more files than there could be", changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 12))],
    ["more extents than there could be", changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 16))],
    ["of another memory", changed((bytes) => bytes.writeUInt32LE(PAGES + 1, 20))],
    ["cut short", encodePageMap(MAP).subarray(0, -1)],
    ["too long", Buffer.concat([encodePageMap(MAP), Buffer.alloc(1)])],
    ["a name that leads elsewhere", changed((bytes) => bytes.write("../", HEADER_BYTES, "latin1"))],
    ["a name with an end inside", changed((bytes) => bytes.write("o\0e", HEADER_BYTES, "latin1"))],
    ["no name", changed((bytes) => bytes.fill(0, HEADER_BYTES, HEADER_BYTES + NAME_BYTES))],
    [
      "one name twice",
      changed((bytes) => bytes.copy(bytes, HEADER_BYTES, HEADER_BYTES + NAME_BYTES, EXTENTS_AT)),
    ],
    ["an extent of nothing", changed((bytes) => bytes.writeUInt32LE(0, EXTENTS_AT + 4))],
    ["extents that overlap", changed((bytes) => bytes.writeUInt32LE(500, EXTENTS_AT + 4))],
    ["an extent beyond the memory", changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, bytes.length - 12))],
    ["an extent of no file", changed((bytes) => bytes.writeUInt32LE(2, EXTENTS_AT + 8))],
    [
      "a file without extents",
      changed((bytes) => {
        for (let at = EXTENTS_AT; at < bytes.length; at += 16) bytes.writeUInt32LE(0, at + 8);
      }),
    ],
  ])("is refused when it is %s", (_, bytes) => {
    expect(() => decodePageMap(bytes, PAGES)).toThrow(DamagedMapError);
  });

  test("is refused when it reaches beyond its files", () => {
    expect(() => assertWithinFiles(MAP, [54, 1])).not.toThrow();
    expect(() => assertWithinFiles(MAP, [53, 1])).toThrow(DamagedMapError);
    expect(() => assertWithinFiles(MAP, [54])).toThrow(DamagedMapError);
  });

  test("with any bytes changed is read as some map of this memory, or refused", () => {
    const random = seededRandom("page map file", undefined);
    for (let change = 0; change < CHANGES; change++) {
      const bytes = changed((file) => {
        for (let left = 1 + random(3); left > 0; left--) file[random(file.length)] = random(256);
      });
      try {
        const map = decodePageMap(bytes, PAGES);
        expect(encodePageMap(map), `change ${change}`).toEqual(bytes);
      } catch (error) {
        expect(error, `change ${change}`).toBeInstanceOf(DamagedMapError);
      }
    }
  });
});
