import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeFields,
  encodeFields,
  Tag,
  textField,
  u16PairField,
  u32Field,
  u64Field,
  u8Field,
} from "./fields.ts";
import type { Field } from "./fields.ts";
import { splitRequest } from "./frame.ts";
import { Kind, MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES } from "./protocol.ts";

const tags = fc.constantFrom(...Object.values(Tag));
const flat = fc.array(fc.record({ tag: tags, value: fc.uint8Array({ maxLength: 200 }) }), { maxLength: 20 });

describe("fields", () => {
  test("are read as they were written", () => {
    fc.assert(
      fc.property(flat, (fields) => {
        const expected = fields.map(({ tag, value }) => ({ tag, value: Buffer.from(value) }));
        expect(decodeFields(encodeFields(fields))).toEqual(expected);
      }),
    );
  });

  test("nest", () => {
    const inner: Field[] = [textField(Tag.PATH, "/etc/hostname"), u32Field(Tag.MODE, 0o644)];
    const [file] = decodeFields(encodeFields([{ tag: Tag.FILE, value: inner }]));
    expect(file?.tag).toBe(Tag.FILE);
    expect(decodeFields(file?.value ?? Buffer.alloc(0)).map((field) => field.tag)).toEqual([
      Tag.PATH,
      Tag.MODE,
    ]);
  });

  test("have the layout of the protocol's page", () => {
    const bytes = encodeFields([
      textField(Tag.ARG, "ls"),
      u16PairField(Tag.PTY, 24, 80),
      u8Field(Tag.STDIN, 1),
      u64Field(Tag.MTIME, 5n),
    ]);
    expect(bytes.toString("hex")).toBe(
      ["0100000002000000", "6c73", "0500000004000000", "18005000", "0600000001000000", "01"].join("") +
        ["1200000008000000", "0500000000000000"].join(""),
    );
  });

  test("never lead the reader out of the body", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          const total = decodeFields(bytes).reduce((sum, field) => sum + 8 + field.value.length, 0);
          expect(total).toBe(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe("a request", () => {
  test("is cut into MORE frames and a last one of its own kind", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300_000 }), (bytes) => {
        const body = Buffer.alloc(bytes, bytes);
        const frames = splitRequest(Kind.OPEN_EXEC, 9, body);
        expect(frames.at(-1)?.kind).toBe(Kind.OPEN_EXEC);
        expect(frames.slice(0, -1).every((frame) => frame.kind === Kind.MORE)).toBe(true);
        expect(frames.every((frame) => frame.payload.byteLength <= MAX_PAYLOAD_BYTES)).toBe(true);
        expect(Buffer.concat(frames.map((frame) => frame.payload)).equals(body)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("larger than 4 MiB is the caller's fault", () => {
    expect(() => splitRequest(Kind.OPEN_EXEC, 1, Buffer.alloc(MAX_REQUEST_BYTES + 1))).toThrow("4 MiB");
  });
});
