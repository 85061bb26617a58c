/** Answers of upstreams that are wrong, hostile or just large. */
import { type Answer, encode } from "dns-packet";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { guardQuery, type Question } from "./header-guard.ts";
import type { Resolution } from "./resolution.ts";
import { readUpstreamAnswer } from "./upstream-answer.ts";

const SEED = 20_260_302;
const NAME = "www.example.com";

function question(name = NAME, type: Answer["type"] = "A"): Question {
  const guarded = guardQuery(encode({ type: "query", questions: [{ name, type }] }));
  if (guarded.kind !== "question") throw new Error("no question");
  return guarded.question;
}

function message(
  answers: Answer[],
  authorities: Answer[] = [],
  type: Answer["type"] = "A",
  rcode = 0,
): Buffer {
  return encode({ type: "response", flags: rcode, questions: [{ name: NAME, type }], answers, authorities });
}

const a = (name: string, data: string, ttl = 300): Answer => ({ name, type: "A", data, ttl });
const alias = (name: string, data: string, ttl = 300): Answer => ({ name, type: "CNAME", data, ttl });
const soa = (name: string, ttl: number, minimum: number): Answer => ({
  name,
  type: "SOA",
  ttl,
  data: { mname: "m.test", rname: "r.test", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
const readAnswer = (answers: Answer[], authorities?: Answer[]): Resolution | undefined =>
  readUpstreamAnswer(message(answers, authorities), question());
const addresses = (resolution: Resolution | undefined): unknown =>
  resolution?.records.map(({ address }) => address?.text);

describe("times", () => {
  test.each([
    [0, 5],
    [4, 5],
    [60, 60],
    [86_400, 3600],
    [0xff_ff_ff_ff, 3600],
  ])("%d seconds are kept for %d", (ttl, expected) => {
    expect(readAnswer([a(NAME, "192.0.2.1", ttl)])?.ttlSec).toBe(expected);
  });

  test("the shortest of the chain holds", () => {
    expect(readAnswer([alias(NAME, "b.test", 20), a("b.test", "192.0.2.1", 300)])?.ttlSec).toBe(20);
  });

  test.each([
    [900, 30, 30],
    [10, 30, 10],
    [900, 900, 60],
    [0, 0, 1],
  ])("nothing, by an SOA of %d and %d seconds, is kept for %d", (ttl, minimum, expected) => {
    expect(readAnswer([], [soa("example.com", ttl, minimum)])?.ttlSec).toBe(expected);
  });

  test("an SOA of another zone says nothing", () => {
    expect(readAnswer([], [soa("ample.com", 900, 30)])).toMatchObject({ authority: undefined, ttlSec: 5 });
  });
});

describe("chains", () => {
  test("in any order and case", () => {
    expect(
      addresses(readAnswer([a("C.test", "192.0.2.1"), alias("b.test", "c.TEST"), alias(NAME, "B.test")])),
    ).toEqual(["192.0.2.1"]);
  });

  test("in a circle, or without end, are refused", () => {
    expect(readAnswer([alias(NAME, "b.test"), alias("b.test", NAME)])).toBeUndefined();
    expect(readAnswer([alias(NAME, NAME)])).toBeUndefined();
    const endless = Array.from({ length: 20 }, (_, index) =>
      alias(index === 0 ? NAME : `n${index}.test`, `n${index + 1}.test`),
    );
    expect(readAnswer(endless)).toBeUndefined();
  });

  test("that lead nowhere are an answer without records", () => {
    expect(readAnswer([alias(NAME, "b.test"), a("c.test", "192.0.2.1")])).toMatchObject({
      rcode: 0,
      records: [],
    });
  });
});

test("addresses have one text and say whether they are guarded", () => {
  const answer: Answer = { name: NAME, type: "AAAA", data: "2001:0DB8:0:0:0:0:0:1", ttl: 60 };
  const resolution = readUpstreamAnswer(message([answer], [], "AAAA"), question(NAME, "AAAA"));
  expect(resolution?.records[0]?.address).toEqual({ text: "2001:db8::1", guarded: false });
  expect(readAnswer([a(NAME, "10.0.0.1")])?.records[0]?.address).toEqual({ text: "10.0.0.1", guarded: true });
});

test("compressed names inside records are written out", () => {
  const plain = message([{ name: NAME, type: "NS", data: "ns.example.com", ttl: 60 }], [], "NS");
  const name = Buffer.from("\u0002ns\u0007example\u0003com\0", "latin1");
  const start = plain.length - name.length;
  // "ns" and a pointer to "example.com" in the question, whose "www" takes four bytes.
  const compressed = Buffer.concat([plain.subarray(0, start), Buffer.from([2, 0x6e, 0x73, 0xc0, 16])]);
  compressed.writeUInt16BE(5, start - 2);
  expect(readUpstreamAnswer(compressed, question(NAME, "NS"))?.records[0]?.rdata).toEqual(name);
});

describe("unusable", () => {
  test.each([1, 2, 4, 5, 9])("code %d", (rcode) => {
    expect(readUpstreamAnswer(message([a(NAME, "192.0.2.1")], [], "A", rcode), question())).toBeUndefined();
  });

  test("an address of the wrong length", () => {
    const answer = message([a(NAME, "192.0.2.1")]);
    answer.writeUInt16BE(3, answer.length - 6);
    expect(readUpstreamAnswer(answer, question())).toBeUndefined();
  });

  test("counts that claim more than there is, or than anyone needs", () => {
    const answer = message([a(NAME, "192.0.2.1")]);
    answer.writeUInt16BE(2, 6);
    expect(readUpstreamAnswer(answer, question())).toBeUndefined();
    answer.writeUInt16BE(0xffff, 6);
    expect(readUpstreamAnswer(answer, question())).toBeUndefined();
  });
});

test("whatever comes, it is an answer within bounds or none", () => {
  const good = message(
    [
      alias(NAME, "b.test"),
      a("b.test", "192.0.2.1"),
      { name: "b.test", type: "MX", data: { exchange: "c.test" }, ttl: 9 },
    ],
    [soa("example.com", 900, 30)],
  );
  const asked = question();
  const start = 12 + asked.section.length;
  const edits = fc.array(fc.tuple(fc.integer({ min: start, max: good.length - 1 }), fc.nat(255)), {
    maxLength: 8,
  });
  let usable = 0;
  fc.assert(
    fc.property(edits, fc.integer({ min: start, max: good.length }), fc.nat(9), (changes, cut, whole) => {
      const bytes = Buffer.from(good);
      for (const [offset, value] of changes) bytes[offset] = value;
      const resolution = readUpstreamAnswer(whole > 0 ? bytes : bytes.subarray(0, cut), asked);
      if (resolution === undefined) return;
      usable += 1;
      expect(resolution.chain.length).toBeLessThanOrEqual(12);
      expect(resolution.ttlSec).toBeGreaterThanOrEqual(1);
      expect(resolution.records.every(({ rdata }) => rdata.length === 4)).toBe(true);
    }),
    { seed: SEED, numRuns: 5000 },
  );
  // Or the fuzzing would only ever see the first check fail.
  expect(usable).toBeGreaterThan(500);
});
