/** As much of CBOR (RFC 8949) as a sandbox's agent speaks: whole numbers, bytes, text, lists, maps, `true`, `false` and `null`. */
import { FastvmError } from "../errors.ts";

export type Cbor =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly Cbor[]
  | { readonly [key: string]: Cbor };

/** The first three bits of an item's head; the others, or the bytes after it, are a number. */
const KIND = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5 } as const;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
/** From here on the number is in so many bytes behind the head: 1, 2, 4, 8. */
const IN_BYTES = 24;
const MAX_DEPTH = 16;

export function encodeCbor(value: Cbor): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return joined(parts);
}

function write(value: Cbor, parts: Uint8Array[]): void {
  if (value === null) parts.push(Uint8Array.of(NULL));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? TRUE : FALSE));
  else if (typeof value === "number")
    parts.push(value < 0 ? head(KIND.negative, -1 - value) : head(KIND.unsigned, value));
  else if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    parts.push(head(KIND.text, bytes.length), bytes);
  } else if (value instanceof Uint8Array) parts.push(head(KIND.bytes, value.length), value);
  else if (Array.isArray(value)) {
    parts.push(head(KIND.list, value.length));
    for (const item of value) write(item, parts);
  } else {
    const entries = Object.entries(value);
    parts.push(head(KIND.map, entries.length));
    for (const [key, item] of entries) {
      write(key, parts);
      write(item, parts);
    }
  }
}

function head(kind: number, number: number): Uint8Array {
  if (!Number.isSafeInteger(number)) throw new FastvmError(`${number} is no whole number`);
  if (number < IN_BYTES) return Uint8Array.of((kind << 5) | number);
  const size = [1, 2, 4, 8].find((bytes) => number < 256 ** bytes) ?? 8;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = (kind << 5) | (IN_BYTES + Math.log2(size));
  for (let at = size, rest = number; at > 0; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return bytes;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Throws a FastvmError for anything else. */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.isAtEnd) throw notCbor();
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  item(depth: number): Cbor {
    const [first = 0] = this.#take(1);
    if (first === FALSE || first === TRUE) return first === TRUE;
    if (first === NULL) return null;
    const number = this.#number(first & 0x1f);
    if (depth > MAX_DEPTH) throw notCbor();
    switch (first >> 5) {
      case KIND.unsigned:
        return number;
      case KIND.negative:
        return -1 - number;
      case KIND.bytes:
        return this.#take(number);
      case KIND.text:
        return new TextDecoder().decode(this.#take(number));
      case KIND.list:
        return this.#each(number, () => this.item(depth + 1));
      case KIND.map:
        return Object.fromEntries(
          this.#each(number, () => [this.#key(depth + 1), this.item(depth + 1)] as const),
        );
      default:
        throw notCbor();
    }
  }

  #key(depth: number): string {
    const key = this.item(depth);
    if (typeof key !== "string") throw notCbor();
    return key;
  }

  #each<T>(count: number, read: () => T): T[] {
    // An item takes a byte at least.
    if (count > this.#bytes.length - this.#at) throw notCbor();
    return Array.from({ length: count }, read);
  }

  #number(low: number): number {
    if (low < IN_BYTES) return low;
    if (low > IN_BYTES + 3) throw notCbor();
    return this.#take(2 ** (low - IN_BYTES)).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw notCbor();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

function notCbor(): FastvmError {
  return new FastvmError("The agent of the sandbox sent what is no message");
}
