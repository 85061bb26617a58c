/**
 * Writes answers. Owners of records are pointers to the question or to the alias before, so
 * that answers stay small: a dozen addresses fit into the 512 bytes of a guest without EDNS.
 */
import type { Question } from "./header-guard.ts";
import type { Alias, Authority, ResolvedRecord } from "./resolution.ts";
import * as wire from "./wire.ts";

/** RFC 1035: what a guest without EDNS takes by UDP. */
const PLAIN_UDP_BYTES = 512;
/** What passes everywhere in one packet (DNS flag day 2020). */
const MAX_UDP_BYTES = 1232;
export const MAX_TCP_BYTES = 65_535;

const NAME_POINTER = 0xc000;
const OPT_BYTES = 11;

export interface Answer {
  readonly rcode: number;
  readonly chain?: readonly Alias[];
  readonly records?: readonly ResolvedRecord[];
  readonly authority?: Authority | undefined;
  readonly ttlSec?: number;
}

export function maxUdpBytes(question: Question): number {
  const { edns } = question;
  return edns === undefined
    ? PLAIN_UDP_BYTES
    : Math.min(Math.max(edns.udpBytes, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}

/** An answer larger than `maxBytes` becomes one that says so, and the guest asks again by TCP. */
export function writeAnswer(question: Question, answer: Answer, maxBytes: number): Buffer {
  const { chain = [], records = [], authority } = answer;
  const bytes = answerBytes(question, chain, records, authority);
  if (bytes > maxBytes && maxBytes < MAX_TCP_BYTES) return writeTruncated(question, answer.rcode);
  const writer = new Writer(question, answer, bytes);
  let owner = wire.HEADER_BYTES;
  for (const alias of chain) owner = writer.record(owner, wire.TYPE_CNAME, alias.wire);
  for (const { rdata } of records) writer.record(owner, question.type, rdata);
  if (authority !== undefined) writer.soa(authority);
  return writer.finish(answer.rcode, 0);
}

function writeTruncated(question: Question, rcode: number): Buffer {
  const empty = { rcode };
  return new Writer(question, empty, answerBytes(question, [], [])).finish(rcode, wire.FLAG_TRUNCATED);
}

function answerBytes(
  question: Question,
  chain: readonly Alias[],
  records: readonly ResolvedRecord[],
  authority?: Authority,
): number {
  const perRecord = 2 + wire.RECORD_FIXED_BYTES;
  let bytes = wire.HEADER_BYTES + question.section.length + (question.edns === undefined ? 0 : OPT_BYTES);
  for (const alias of chain) bytes += perRecord + alias.wire.length;
  for (const { rdata } of records) bytes += perRecord + rdata.length;
  if (authority !== undefined) {
    bytes += authority.owner.length + wire.RECORD_FIXED_BYTES + authority.rdata.length;
  }
  return bytes;
}

class Writer {
  readonly #question: Question;
  readonly #ttlSec: number;
  readonly #message: Buffer;
  #position: number;
  #answers = 0;
  #authorities = 0;

  constructor(question: Question, answer: Answer, bytes: number) {
    this.#question = question;
    this.#ttlSec = answer.ttlSec ?? 0;
    this.#message = Buffer.alloc(bytes);
    question.section.copy(this.#message, wire.HEADER_BYTES);
    this.#position = wire.HEADER_BYTES + question.section.length;
  }

  /** `owner` is where its name stands; returns where the record's data stands. */
  record(owner: number, type: number, rdata: Buffer): number {
    this.#position = this.#message.writeUInt16BE(NAME_POINTER | owner, this.#position);
    this.#answers += 1;
    return this.#body(type, rdata);
  }

  soa({ owner, rdata }: Authority): void {
    this.#position += owner.copy(this.#message, this.#position);
    this.#authorities += 1;
    this.#body(wire.TYPE_SOA, rdata);
  }

  finish(rcode: number, flags: number): Buffer {
    const message = this.#message;
    const { id, flags: asked, edns } = this.#question;
    const echoed = asked & wire.FLAG_RECURSION_DESIRED;
    message.writeUInt16BE(id, 0);
    message.writeUInt16BE(
      wire.FLAG_RESPONSE | wire.FLAG_RECURSION_AVAILABLE | echoed | flags | (rcode & wire.RCODE_MASK),
      2,
    );
    message.writeUInt16BE(1, 4);
    message.writeUInt16BE(this.#answers, 6);
    message.writeUInt16BE(this.#authorities, 8);
    if (edns !== undefined) this.#opt(rcode);
    return message;
  }

  #body(type: number, rdata: Buffer): number {
    const message = this.#message;
    let position = message.writeUInt16BE(type, this.#position);
    position = message.writeUInt16BE(wire.CLASS_IN, position);
    position = message.writeUInt32BE(this.#ttlSec, position);
    position = message.writeUInt16BE(rdata.length, position);
    this.#position = position + rdata.copy(message, position);
    return position;
  }

  /** RFC 6891: root name, type, our UDP size, upper bits of the code, version 0, no flags, no options. */
  #opt(rcode: number): void {
    this.#message.writeUInt16BE(1, 10);
    const position = this.#message.writeUInt16BE(wire.TYPE_OPT, this.#position + 1);
    this.#message.writeUInt16BE(MAX_UDP_BYTES, position);
    this.#message.writeUInt8(rcode >> 4, position + 2);
  }
}
