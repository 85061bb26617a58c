import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameParser } from "./frame-parser.ts";
import { encodeFrame } from "./frame.ts";
import { GUEST_KINDS, Kind, MAX_PAYLOAD_BYTES, WELCOME_BYTES } from "./protocol.ts";
import { seededRandom } from "./seeded-random.ts";

const SESSION = 0x1234;
const NONCE = Buffer.from("0123456789abcdef");
/** What the fuzz test may take of a test run. */
const FUZZ_MS = 1500;
/** A seed that a run has printed goes here to repeat it. */
const FUZZ_SEED: number | undefined = undefined;

interface Seen {
  readonly kind: number;
  readonly stream: number;
  readonly payload: Buffer;
}

function parserWithLog(): { parser: FrameParser; seen: Seen[]; garbage: string[] } {
  const seen: Seen[] = [];
  const garbage: string[] = [];
  const parser = new FrameParser(SESSION, NONCE, {
    onFrame: (kind, stream, payload) => seen.push({ kind, stream, payload: Buffer.from(payload) }),
    onGarbage: (reason) => garbage.push(reason),
  });
  return { parser, seen, garbage };
}

function welcome(nonce: Buffer = NONCE): Buffer {
  return encodeFrame(Kind.WELCOME, SESSION, 0, Buffer.concat([nonce], WELCOME_BYTES));
}

function greeted(): ReturnType<typeof parserWithLog> {
  const log = parserWithLog();
  log.parser.push(welcome());
  log.seen.length = 0;
  return log;
}

function pushInPieces(parser: FrameParser, bytes: Buffer, sizes: readonly number[]): void {
  let offset = 0;
  for (let index = 0; offset < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    parser.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
}

const kinds = fc.constantFrom(...GUEST_KINDS) as fc.Arbitrary<Kind>;
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 0, max: MAX_PAYLOAD_BYTES }).map((bytes) => Buffer.alloc(bytes, bytes)),
);
const frames = fc.array(
  fc.record({ kind: kinds, stream: fc.integer({ min: 0, max: 0xffff_ffff }), payload: payloads }),
  { maxLength: 12 },
);
const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 400_000 })), {
  minLength: 1,
  maxLength: 20,
});

describe("the frame parser", () => {
  test("finds the same frames however they are cut", () => {
    fc.assert(
      fc.property(frames, pieces, fc.uint8Array({ maxLength: 500 }), (sent, sizes, before) => {
        const { parser, seen, garbage } = parserWithLog();
        const bytes = sent.map(({ kind, stream, payload }) => encodeFrame(kind, SESSION, stream, payload));
        pushInPieces(parser, Buffer.concat([before, welcome(), ...bytes]), sizes);
        expect(garbage).toEqual([]);
        expect(seen.slice(1)).toEqual(
          sent.map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) })),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("finds the WELCOME behind anything, a half and a false one too", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(51), pieces, (noise, cut, sizes) => {
        const { parser, seen } = parserWithLog();
        const spoiled = welcome();
        spoiled[spoiled.length - 1] = 0;
        const other = welcome(Buffer.alloc(16, 1));
        const half = welcome().subarray(0, cut);
        pushInPieces(parser, Buffer.concat([noise, spoiled, other, half, welcome()]), sizes);
        expect(seen.map((frame) => frame.kind)).toEqual([Kind.WELCOME]);
      }),
      { numRuns: 150 },
    );
  });

  test("drops whole frames of another session", () => {
    const { parser, seen, garbage } = greeted();
    parser.push(encodeFrame(Kind.DATA, SESSION + 1, 4, Buffer.alloc(70)));
    parser.push(encodeFrame(Kind.DATA, SESSION, 5, Buffer.from("ours")));
    expect(garbage).toEqual([]);
    expect(seen.map((frame) => frame.stream)).toEqual([5]);
  });

  test.each([
    ["a wrong first byte", (frame: Buffer) => frame.writeUInt8(0xf4, 0)],
    ["a kind that nobody knows", (frame: Buffer) => frame.writeUInt8(99, 1)],
    ["a kind that only hosts send", (frame: Buffer) => frame.writeUInt8(Kind.OPEN_EXEC, 1)],
    ["a length beyond the bound", (frame: Buffer) => frame.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 8)],
    ["a length of 4 GiB", (frame: Buffer) => frame.writeUInt32LE(0xffff_ffff, 8)],
    ["a wrong last byte", (frame: Buffer) => frame.writeUInt8(0, frame.length - 1)],
  ])("%s is garbage, told once, and nothing after it is read", (_name, spoil) => {
    const { parser, seen, garbage } = greeted();
    const frame = encodeFrame(Kind.DATA, SESSION, 1, Buffer.from("payload"));
    spoil(frame);
    parser.push(frame);
    parser.push(encodeFrame(Kind.DATA, SESSION, 1, Buffer.from("late")));
    expect(garbage).toHaveLength(1);
    expect(seen).toEqual([]);
  });

  test("nothing is read after the handler has stopped it, not even what has already arrived", () => {
    const seen: number[] = [];
    const parser = new FrameParser(SESSION, NONCE, {
      onFrame: (_kind, stream) => {
        seen.push(stream);
        if (stream === 1) parser.stop();
      },
      onGarbage: () => undefined,
    });
    const two = [1, 2].map((stream) => encodeFrame(Kind.DATA, SESSION, stream, Buffer.alloc(1)));
    parser.push(Buffer.concat([welcome(), ...two]));
    expect(seen).toEqual([0, 1]);
  });

  test("survives whatever bytes come, and never hands out a frame that breaks the rules", () => {
    const random = seededRandom("frame parser", FUZZ_SEED);
    const until = performance.now() + FUZZ_MS;
    let delivered = 0;
    while (performance.now() < until) delivered += fuzzOnce(random);
    expect(delivered).toBeGreaterThan(0);
  });
});

/** Valid frames with some bytes changed, in random pieces. Returns how many frames got through. */
function fuzzOnce(random: (below: number) => number): number {
  let delivered = 0;
  const parser = new FrameParser(SESSION, NONCE, {
    onFrame: (kind, _stream, payload) => {
      delivered += 1;
      if (!GUEST_KINDS.has(kind)) throw new Error(`Delivered kind ${kind}`);
      if (payload.length > MAX_PAYLOAD_BYTES) throw new Error(`Delivered ${payload.length} bytes`);
    },
    onGarbage: () => undefined,
  });
  if (random(8) > 0) parser.push(welcome());
  const kindList = [...GUEST_KINDS] as Kind[];
  const parts = Array.from({ length: 1 + random(10) }, () => {
    const length = random(6) === 0 ? random(MAX_PAYLOAD_BYTES + 1) : random(64);
    return encodeFrame(
      kindList[random(kindList.length)] ?? Kind.DATA,
      SESSION,
      random(9),
      Buffer.alloc(length),
    );
  });
  const bytes = Buffer.concat(parts);
  for (let flips = random(4); flips > 0; flips -= 1) bytes[random(Math.min(bytes.length, 400))] = random(256);
  pushInPieces(
    parser,
    bytes,
    Array.from({ length: 5 }, () => 1 + random(random(2) === 0 ? 30 : 90_000)),
  );
  return delivered;
}
