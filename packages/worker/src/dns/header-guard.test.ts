/** Nothing that a guest sends may throw or be expensive. */
import { encode } from "dns-packet";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { guardQuery, MAX_QUERY_BYTES } from "./header-guard.ts";

const SEED = 20_260_301;
const valid = encode({ id: 9, type: "query", questions: [{ name: "www.Example.com", type: "AAAA" }] });

function changed(offset: number, value: number): Buffer {
  const message = Buffer.from(valid);
  message.writeUInt16BE(value, offset);
  return message;
}

const withOpt = (version: number, owner = ""): Buffer => {
  const name = owner === "" ? Buffer.alloc(1) : Buffer.from(`\u0001${owner}\0`);
  const message = Buffer.concat([valid, name, Buffer.from([0, 41, 0x10, 0, 0, version, 0, 0, 0, 0])]);
  message.writeUInt16BE(1, 10);
  return message;
};

describe("questions", () => {
  test("are read", () => {
    expect(guardQuery(valid)).toMatchObject({
      kind: "question",
      question: { id: 9, name: "www.example.com", type: 28, class: 1, edns: undefined },
    });
  });

  test("tell what the guest takes", () => {
    expect(guardQuery(withOpt(0))).toMatchObject({ question: { edns: { udpBytes: 4096, version: 0 } } });
  });

  test("with odd bytes in labels have a text of their own", () => {
    const message = Buffer.from(valid);
    message.set([0, 46, 0xff], 13);
    expect(guardQuery(message)).toMatchObject({ question: { name: "\\000\\046\\255.example.com" } });
  });
});

describe("refused with a code", () => {
  test.each([
    ["two questions", changed(4, 2), 1],
    ["no question", changed(4, 0), 1],
    ["an answer", changed(6, 1), 1],
    ["an authority", changed(8, 1), 1],
    ["three additional records", changed(10, 3), 1],
    ["an additional record that is not there", changed(10, 1), 1],
    ["a name that points to itself", changed(12, 0xc00c), 1],
    ["a name that points into the header", changed(12, 0xc000), 1],
    ["an unknown kind of label", changed(12, 0x8003), 1],
    ["half a question", valid.subarray(0, -3), 1],
    ["EDNS that has a name", withOpt(0, "a"), 1],
    ["too many bytes", Buffer.concat([valid, Buffer.alloc(MAX_QUERY_BYTES)]), 1],
    ["a notification", changed(2, 4 << 11), 4],
  ])("%s", (_what, message, rcode) => {
    const guarded = guardQuery(message);
    expect(guarded.kind).toBe("reject");
    if (guarded.kind !== "reject") return;
    expect(guarded.answer).toHaveLength(12);
    expect(guarded.answer.readUInt16BE(2) & 0xf).toBe(rcode);
  });

  test("a name of 256 bytes, while 255 pass", () => {
    const named = (last: number): Buffer =>
      encode({
        type: "query",
        questions: [{ name: `${"a".repeat(63)}.`.repeat(3) + "b".repeat(last), type: "A" }],
      });
    expect(guardQuery(named(61)).kind).toBe("question");
    expect(guardQuery(named(62)).kind).toBe("reject");
  });
});

test("no answer at all for answers and for less than a header", () => {
  expect(guardQuery(changed(2, 0x8000)).kind).toBe("drop");
  expect(guardQuery(valid.subarray(0, 11)).kind).toBe("drop");
});

test("whatever comes, there is one of the three outcomes", () => {
  const near = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
    const message = withOpt(0);
    for (const [offset, value] of changes) message[offset] = value;
    return message;
  });
  const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(near, random), fc.nat(600), (message, cut) => {
      const guarded = guardQuery(message.subarray(0, cut));
      if (guarded.kind === "question") {
        expect(guarded.question.section.length).toBeLessThanOrEqual(259);
        expect(guarded.question.name).toBe(guarded.question.name.toLowerCase());
      }
    }),
    { seed: SEED, numRuns: 5000 },
  );
});
