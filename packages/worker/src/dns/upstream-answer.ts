/**
 * Reads what an upstream answered. Only the CNAME chain from the name asked for, the records of the type asked for at its end and,
 * when there are none, the zone's SOA are taken: everything else in a message is somebody's claim about names that nobody asked for.
 */
import { SocketAddress } from "node:net";
import { isGuarded } from "../ip/guarded-ranges.ts";
import type { Question } from "./header-guard.ts";
import { copyRecordData } from "./record-data.ts";
import type { Alias, Authority, Resolution, ResolvedAddress, ResolvedRecord } from "./resolution.ts";
import * as wire from "./wire.ts";
import { readName } from "./wire-name.ts";

/** Public suffixes with the longest chains have six. */
const MAX_CHAIN = 12;
/** A question for addresses has a dozen answers; the largest TXT sets a hundred. */
const MAX_RECORDS = 512;
/** Leaves room for the rest of a message of 65,535 bytes. */
const MAX_ANSWER_BYTES = 60_000;
/** What objects and buffers take beside their contents, about. */
const RECORD_OVERHEAD_BYTES = 400;

const MIN_TTL_SEC = 5;
const MAX_TTL_SEC = 3600;
/** So that a name which comes into being is soon found. */
const MAX_NEGATIVE_TTL_SEC = 60;

interface WireRecord {
  readonly owner: string;
  readonly ownerWire: Buffer;
  readonly type: number;
  readonly ttlSec: number;
  readonly rdata: Buffer;
}

/** `undefined` for what cannot be used: malformed, or an error that another upstream may not have. The question was compared already. */
export function readUpstreamAnswer(message: Buffer, question: Question): Resolution | undefined {
  const rcode = message.readUInt16BE(2) & wire.RCODE_MASK;
  if (rcode !== wire.RCODE_OK && rcode !== wire.RCODE_NO_SUCH_NAME) return undefined;
  const counts = [message.readUInt16BE(6), message.readUInt16BE(8)] as const;
  if (counts[0] + counts[1] > MAX_RECORDS) return undefined;
  const reader = new RecordReader(message, wire.HEADER_BYTES + question.section.length);
  const answers = reader.read(counts[0]);
  const chain = answers && followChain(answers, question);
  if (answers === undefined || chain === undefined) return undefined;
  const owner = chain.at(-1)?.target ?? question.name;
  const found = answers.filter((record) => record.type === question.type && record.owner === owner);
  if (!found.every(hasLengthOfType)) return undefined;
  if (found.length === 0) return nothingFound(rcode, chain, soaOf(reader.read(counts[1]), owner));
  // A name with records exists, whatever the code says.
  return bounded({
    rcode: wire.RCODE_OK,
    chain: chain.map(aliasOf),
    records: found.map(resolvedRecord),
    ttlSec: clamp(shortest([...chain, ...found]), MIN_TTL_SEC, MAX_TTL_SEC),
  });
}

class RecordReader {
  readonly #message: Buffer;
  #position: number;

  constructor(message: Buffer, position: number) {
    this.#message = message;
    this.#position = position;
  }

  read(count: number): WireRecord[] | undefined {
    const records: WireRecord[] = [];
    for (let index = 0; index < count; index += 1) {
      const record = this.#next();
      if (record === undefined) return undefined;
      if (record !== "other class") records.push(record);
    }
    return records;
  }

  #next(): WireRecord | "other class" | undefined {
    const message = this.#message;
    const owner = readName(message, this.#position);
    if (owner === undefined || owner.end + wire.RECORD_FIXED_BYTES > message.length) return undefined;
    const type = message.readUInt16BE(owner.end);
    const start = owner.end + wire.RECORD_FIXED_BYTES;
    const end = start + message.readUInt16BE(owner.end + 8);
    if (end > message.length) return undefined;
    this.#position = end;
    if (message.readUInt16BE(owner.end + 2) !== wire.CLASS_IN) return "other class";
    const rdata = copyRecordData(message, type, start, end);
    if (rdata === undefined) return undefined;
    const ttlSec = message.readUInt32BE(owner.end + 4);
    return { owner: owner.text, ownerWire: owner.wire, type, ttlSec, rdata };
  }
}

type ChainLink = Alias & { readonly ttlSec: number };

/** `undefined` when it goes in a circle or on and on. */
function followChain(answers: readonly WireRecord[], question: Question): ChainLink[] | undefined {
  const chain: ChainLink[] = [];
  if (question.type === wire.TYPE_CNAME) return chain;
  const seen = new Set<string>();
  for (let owner = question.name; ;) {
    const alias = answers.find((record) => record.type === wire.TYPE_CNAME && record.owner === owner);
    if (alias === undefined) return chain;
    seen.add(owner);
    const target = readName(alias.rdata, 0);
    if (target === undefined || seen.has(target.text) || chain.length >= MAX_CHAIN) return undefined;
    owner = target.text;
    chain.push({ target: owner, wire: target.wire, ttlSec: alias.ttlSec });
  }
}

function soaOf(authorities: readonly WireRecord[] | undefined, name: string): WireRecord | undefined {
  return authorities?.find(
    ({ type, owner, rdata }) => type === wire.TYPE_SOA && rdata.length >= 22 && isWithin(name, owner),
  );
}

function isWithin(name: string, zone: string): boolean {
  return zone === "" || name === zone || name.endsWith(`.${zone}`);
}

function nothingFound(rcode: number, chain: readonly ChainLink[], soa?: WireRecord): Resolution | undefined {
  // RFC 2308: the smaller of the record's own time and its last field.
  const ttlSec =
    soa === undefined ? MIN_TTL_SEC : Math.min(soa.ttlSec, soa.rdata.readUInt32BE(soa.rdata.length - 4));
  const authority: Authority | undefined = soa && { owner: soa.ownerWire, rdata: soa.rdata };
  return bounded({
    rcode,
    chain: chain.map(aliasOf),
    records: [],
    authority,
    ttlSec: clamp(Math.min(ttlSec, shortest(chain)), 1, MAX_NEGATIVE_TTL_SEC),
  });
}

function bounded(resolution: Omit<Resolution, "bytes">): Resolution | undefined {
  const { chain, records, authority } = resolution;
  const parts = [...chain.map((alias) => alias.wire), ...records.map((record) => record.rdata)];
  if (authority !== undefined) parts.push(authority.owner, authority.rdata);
  const contents = parts.reduce((sum, { length }) => sum + length + wire.RECORD_FIXED_BYTES + 2, 0);
  if (contents > MAX_ANSWER_BYTES) return undefined;
  return { ...resolution, bytes: contents + parts.length * RECORD_OVERHEAD_BYTES };
}

function hasLengthOfType({ type, rdata }: WireRecord): boolean {
  if (type === wire.TYPE_A) return rdata.length === 4;
  return type !== wire.TYPE_AAAA || rdata.length === 16;
}

function resolvedRecord({ type, rdata }: WireRecord): ResolvedRecord {
  return { rdata, address: addressOf(type, rdata) };
}

function addressOf(type: number, rdata: Buffer): ResolvedAddress | undefined {
  let text: string;
  if (type === wire.TYPE_A) text = rdata.join(".");
  else if (type === wire.TYPE_AAAA) text = ipv6Text(rdata);
  else return undefined;
  return { text, guarded: isGuarded(text) };
}

/** As RFC 5952 writes it, so that an address has one text only. */
function ipv6Text(rdata: Buffer): string {
  const address = rdata.toString("hex").replaceAll(/.{4}(?!$)/g, "$&:");
  return new SocketAddress({ address, family: "ipv6" }).address;
}

function aliasOf({ target, wire: name }: ChainLink): Alias {
  return { target, wire: name };
}

function shortest(records: readonly { readonly ttlSec: number }[]): number {
  return records.reduce((least, { ttlSec }) => Math.min(least, ttlSec), Number.POSITIVE_INFINITY);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
