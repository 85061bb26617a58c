/**
 * Names on the wire. The text of a name is only for comparing: what goes out again are the bytes that came in. Unlike
 * dns-packet's, the text is unambiguous: a dot or a byte beyond ASCII inside a label is escaped, so no label can pass for several.
 */
import { MAX_NAME_BYTES } from "./wire.ts";

/** Real compressors need one or two; each must point backwards, so this bounds the cost of a crafted message. */
const MAX_POINTERS = 16;

/** Names are read one after the other, so they share the places in which they are put together. */
const SCRATCH = Buffer.alloc(MAX_NAME_BYTES);
const TEXT = Buffer.alloc(MAX_NAME_BYTES);

/**
 * How each byte of a label is written; what takes one character is there again as its
 * code, 0 for the rest. Tables, as an answer can hold 100,000 bytes of names.
 */
const WRITTEN = Array.from({ length: 256 }, (_, byte) => writtenByte(byte));
const PLAIN = Uint8Array.from(WRITTEN, (text) => (text.length === 1 ? text.charCodeAt(0) : 0));
const DOT = 46;

interface WireName {
  /** Lower case, without the final dot; empty for the root. Odd bytes are `\DDD`. */
  readonly text: string;
  /** Without compression, in the case it came in. */
  readonly wire: Buffer;
  /** Where the message goes on after it. */
  readonly end: number;
}

/** `undefined` when there is no name at this offset. */
export function readName(message: Buffer, offset: number): WireName | undefined {
  let bytes = 0;
  let plain = true;
  let position = offset;
  let limit = offset;
  let end: number | undefined;
  let pointers = 0;
  for (;;) {
    const length = message[position];
    if (length === undefined) return undefined;
    if (length === 0) return finished(bytes, plain, end ?? position + 1);
    if (length >= 0xc0) {
      const target = pointerAt(message, position);
      if (target === undefined || target >= limit || (pointers += 1) > MAX_POINTERS) return undefined;
      end ??= position + 2;
      position = target;
      limit = target;
      continue;
    }
    if (length > 63 || position + length >= message.length) return undefined;
    // The label, its length and the root's zero.
    if (bytes + length + 2 > MAX_NAME_BYTES) return undefined;
    if (!addLabel(message, position, bytes)) plain = false;
    bytes += 1 + length;
    position += 1 + length;
  }
}

/** Copies a label; whether each of its bytes is one character of the text. Byte by byte, as calls for a few bytes cost more. */
function addLabel(message: Buffer, position: number, start: number): boolean {
  const length = message[position] ?? 0;
  let plain = true;
  SCRATCH[start] = length;
  TEXT[start] = DOT;
  for (let index = 1; index <= length; index += 1) {
    const byte = message[position + index] ?? 0;
    const code = PLAIN[byte] ?? 0;
    if (code === 0) plain = false;
    SCRATCH[start + index] = byte;
    TEXT[start + index] = code;
  }
  return plain;
}

function finished(bytes: number, plain: boolean, end: number): WireName {
  SCRATCH[bytes] = 0;
  const wire = Buffer.from(SCRATCH.subarray(0, bytes + 1));
  // The first dot stands before the name.
  return { text: plain ? TEXT.toString("latin1", 1, Math.max(bytes, 1)) : escapedText(wire), wire, end };
}

function escapedText(wire: Buffer): string {
  let text = "";
  for (let position = 0; ;) {
    const length = wire[position] ?? 0;
    if (length === 0) return text;
    if (position > 0) text += ".";
    for (const byte of wire.subarray(position + 1, position + 1 + length)) text += WRITTEN[byte];
    position += 1 + length;
  }
}

function pointerAt(message: Buffer, position: number): number | undefined {
  return position + 1 < message.length ? message.readUInt16BE(position) & 0x3fff : undefined;
}

function writtenByte(byte: number): string {
  const character = String.fromCharCode(byte);
  const odd = !/[!-~]/.test(character) || character === "." || character === "\\";
  return odd ? `\\${String(byte).padStart(3, "0")}` : character.toLowerCase();
}

/** Whether two messages ask the same, whatever the case of their letters; from the name on to its class. */
export function sameQuestion(one: Buffer, other: Buffer): boolean {
  if (one.length !== other.length) return false;
  return one.equals(other) || one.toString("latin1").toLowerCase() === other.toString("latin1").toLowerCase();
}
