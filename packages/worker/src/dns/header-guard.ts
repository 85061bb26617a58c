/**
 * Reads a guest's question and turns away all that is none, before anything is allocated
 * for it: the counts in a header are claims, and nothing that a guest sends may throw.
 */
import {
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  HEADER_BYTES,
  OPCODE_MASK,
  RCODE_FORMAT_ERROR,
  RCODE_NOT_IMPLEMENTED,
  RECORD_FIXED_BYTES,
  TYPE_OPT,
} from "./wire.ts";
import { readName } from "./wire-name.ts";

/** A question is under 300 bytes; options may follow. */
export const MAX_QUERY_BYTES = 4096;
/** EDNS and a signature. */
const MAX_ADDITIONAL = 2;

export interface Question {
  readonly id: number;
  readonly flags: number;
  /** Lower case, for comparing. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Name, type and class as they came. */
  readonly section: Buffer;
  /** Present when the guest speaks EDNS: how large an answer it takes, and which version it speaks. */
  readonly edns?: Edns | undefined;
}

interface Edns {
  readonly udpBytes: number;
  readonly version: number;
}

/** `reject` is the answer to send; `drop` is for what may not even be answered, or two resolvers could go on for ever. */
type Guarded =
  | { readonly kind: "question"; readonly question: Question }
  | { readonly kind: "reject"; readonly answer: Buffer }
  | { readonly kind: "drop" };

export function guardQuery(message: Buffer): Guarded {
  if (message.length < HEADER_BYTES) return { kind: "drop" };
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) return { kind: "drop" };
  if ((flags & OPCODE_MASK) !== 0) return reject(message, RCODE_NOT_IMPLEMENTED);
  const additional = message.readUInt16BE(10);
  const wellFormed =
    message.length <= MAX_QUERY_BYTES &&
    message.readUInt16BE(4) === 1 &&
    message.readUInt32BE(6) === 0 &&
    additional <= MAX_ADDITIONAL;
  const question = wellFormed ? readQuestion(message, additional) : undefined;
  return question === undefined ? reject(message, RCODE_FORMAT_ERROR) : { kind: "question", question };
}

function readQuestion(message: Buffer, additional: number): Question | undefined {
  const name = readName(message, HEADER_BYTES);
  // A first name has nothing before it to point to, so its bytes are whole.
  if (name === undefined || name.end !== HEADER_BYTES + name.wire.length) return undefined;
  if (name.end + 4 > message.length) return undefined;
  const edns = readEdns(message, name.end + 4, additional);
  if (edns === "malformed") return undefined;
  return {
    id: message.readUInt16BE(0),
    flags: message.readUInt16BE(2),
    name: name.text,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    // A copy: the datagram's buffer may be far larger, and this one can outlive it.
    section: Buffer.from(message.subarray(HEADER_BYTES, name.end + 4)),
    edns,
  };
}

function readEdns(message: Buffer, offset: number, count: number): Edns | undefined | "malformed" {
  let edns: Edns | undefined;
  let position = offset;
  for (let index = 0; index < count; index += 1) {
    const owner = readName(message, position);
    if (owner === undefined || owner.end + RECORD_FIXED_BYTES > message.length) return "malformed";
    if (message.readUInt16BE(owner.end) === TYPE_OPT) {
      if (edns !== undefined || owner.text !== "") return "malformed";
      edns = { udpBytes: message.readUInt16BE(owner.end + 2), version: message.readUInt8(owner.end + 5) };
    }
    position = owner.end + RECORD_FIXED_BYTES + message.readUInt16BE(owner.end + 8);
    if (position > message.length) return "malformed";
  }
  return edns;
}

/** The header alone, since whatever followed it cannot be trusted. */
function reject(message: Buffer, rcode: number): Guarded {
  const answer = Buffer.alloc(HEADER_BYTES);
  message.copy(answer, 0, 0, 4);
  const echoed = message.readUInt16BE(2) & (OPCODE_MASK | FLAG_RECURSION_DESIRED);
  answer.writeUInt16BE(FLAG_RESPONSE | echoed | rcode, 2);
  return { kind: "reject", answer };
}
