/**
 * Names on the wire. The text of a name is only for comparing: what goes out again are the bytes that came in. Unlike dns-packet's, the text is
 * unambiguous: a dot or a byte beyond ASCII inside a label is escaped, so no label can pass for several.
 */
import { MAX_NAME_BYTES } from "./wire.ts";

/** Real compressors need one or two; each must point backwards, so this bounds the cost of a crafted message. */
const MAX_POINTERS = 16;

/** Names are read one after the other, so they share the place in which they are put together. */
const SCRATCH = Buffer.alloc(MAX_NAME_BYTES);

export interface WireName {
  /** Lower case, without the final dot; empty for the root. Odd bytes are `\DDD`. */
  readonly text: string;
  /** Without compression, in the case it came in. */
  readonly wire: Buffer;
  /** Where the message goes on after it. */
  readonly end: number;
}

/** `undefined` when there is no name at this offset. */
export function readName(message: Buffer, offset: number): WireName | undefined {
  let text = "";
  let bytes = 0;
  let position = offset;
  let limit = offset;
  let end: number | undefined;
  let pointers = 0;
  for (;;) {
    const length = message[position];
    if (length === undefined) return undefined;
    if (length === 0) return { text, wire: finished(bytes), end: end ?? position + 1 };
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
    message.copy(SCRATCH, bytes, position, position + 1 + length);
    bytes += 1 + length;
    text += (text === "" ? "" : ".") + labelText(message, position + 1, length);
    position += 1 + length;
  }
}

function finished(bytes: number): Buffer {
  SCRATCH[bytes] = 0;
  return Buffer.from(SCRATCH.subarray(0, bytes + 1));
}

function pointerAt(message: Buffer, position: number): number | undefined {
  return position + 1 < message.length ? message.readUInt16BE(position) & 0x3fff : undefined;
}

function labelText(message: Buffer, offset: number, length: number): string {
  const text = message.toString("latin1", offset, offset + length);
  if (/^[\w-]*$/.test(text)) return text.toLowerCase();
  return text.toLowerCase().replaceAll(/[^!-~]|[.\\]/g, escapeByte);
}

function escapeByte(character: string): string {
  return `\\${String(character.charCodeAt(0)).padStart(3, "0")}`;
}

/** Whether two messages ask the same, whatever the case of their letters; from the name on to its class. */
export function sameQuestion(one: Buffer, other: Buffer): boolean {
  if (one.length !== other.length) return false;
  return one.equals(other) || one.toString("latin1").toLowerCase() === other.toString("latin1").toLowerCase();
}
