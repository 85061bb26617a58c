/**
 * Finds placeholders in bytes that come in pieces: as they are, and with any of their bytes written as `%24` (forms, queries) or `\u0024`
 * (JSON). What may yet become one is held back, and nothing else, so that a conversation never waits for bytes that are there already.
 */

interface Needle<T> {
  readonly bytes: Buffer;
  readonly of: T;
}

export interface Found<T> {
  readonly start: number;
  readonly end: number;
  readonly of: T;
  readonly isPercent: boolean;
  readonly isJson: boolean;
}

interface Search<T> {
  readonly found: readonly Found<T>[];
  /** What is before it is decided, and is not looked at again. */
  readonly settled: number;
}

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
/** What follows the backslash; the `u` may be no capital. */
const UNICODE = Buffer.from("u00");
const NO_DIGIT = 255;
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte);
  return /[0-9a-fA-F]/.test(text) ? Number.parseInt(text, 16) : NO_DIGIT;
});
const NONE = -1;
/** The bytes end before it is known. */
const OPEN = -2;

interface Forms {
  isPercent: boolean;
  isJson: boolean;
}

export class PlaceholderFinder<T> {
  /** The longest first: one may begin with another. */
  readonly #needles: readonly Needle<T>[];
  readonly #isStart = new Uint8Array(256);

  /** Needles that are empty find nothing. */
  constructor(needles: readonly Needle<T>[]) {
    this.#needles = needles
      .filter(({ bytes }) => bytes.length > 0)
      .toSorted((one, other) => other.bytes.length - one.bytes.length);
    if (this.#needles.length === 0) return;
    for (const { bytes } of this.#needles) this.#isStart[bytes[0] ?? 0] = 1;
    this.#isStart[PERCENT] = 1;
    this.#isStart[BACKSLASH] = 1;
  }

  get isEmpty(): boolean {
    return this.#needles.length === 0;
  }

  some(test: (of: T) => boolean): boolean {
    return this.#needles.some(({ of }) => test(of));
  }

  /** `isWhole`: no more bytes follow these. */
  search(bytes: Buffer, isWhole: boolean): Search<T> {
    const found: Found<T>[] = [];
    let at = 0;
    while (!this.isEmpty && at < bytes.length) {
      if (this.#isStart[bytes[at] ?? 0] === 0) {
        at += 1;
        continue;
      }
      const hit = this.#at(bytes, at, isWhole);
      if (hit === "open") return { found, settled: at };
      if (hit === undefined) at += 1;
      else {
        found.push(hit);
        at = hit.end;
      }
    }
    return { found, settled: bytes.length };
  }

  #at(bytes: Buffer, start: number, isWhole: boolean): Found<T> | "open" | undefined {
    for (const { bytes: needle, of } of this.#needles) {
      const forms: Forms = { isPercent: false, isJson: false };
      const end = match(bytes, start, needle, 0, forms);
      if (end >= 0) return { start, end, of, ...forms };
      if (end === OPEN && !isWhole) return "open";
    }
    return undefined;
  }
}

/** Where the needle's rest ends, `NONE` or `OPEN`. A byte may be there as it is and as the beginning of an escape, so both are tried. */
function match(bytes: Buffer, from: number, needle: Buffer, done: number, forms: Forms): number {
  let at = from;
  for (let index = done; index < needle.length; index += 1) {
    if (at >= bytes.length) return OPEN;
    const wanted = needle[index] ?? 0;
    const escaped = escapeEnd(bytes, at, wanted);
    const isPlain = bytes[at] === wanted;
    if (escaped !== NONE && isPlain) {
      const plain = match(bytes, at + 1, needle, index + 1, forms);
      if (plain >= 0) return plain;
      if (escaped === OPEN) return OPEN;
      const other = follow(bytes, at, escaped, needle, index, forms);
      return other === NONE ? plain : other;
    }
    if (isPlain) at += 1;
    else if (escaped === NONE || escaped === OPEN) return escaped;
    else {
      note(bytes[at], forms);
      at = escaped;
    }
  }
  return at;
}

function follow(bytes: Buffer, at: number, end: number, needle: Buffer, index: number, forms: Forms): number {
  const rest = match(bytes, end, needle, index + 1, forms);
  if (rest >= 0) note(bytes[at], forms);
  return rest;
}

function note(first: number | undefined, forms: Forms): void {
  if (first === PERCENT) forms.isPercent = true;
  else forms.isJson = true;
}

/** Where the escape of a byte ends that begins here. Without a text of its own for each: bodies may be full of what begins like one. */
function escapeEnd(bytes: Buffer, at: number, wanted: number): number {
  const first = bytes[at];
  if (first === PERCENT) return digitsEnd(bytes, at + 1, wanted);
  if (first !== BACKSLASH) return NONE;
  for (let index = 0; index < UNICODE.length; index += 1) {
    const byte = bytes[at + 1 + index];
    if (byte === undefined) return OPEN;
    if (byte !== UNICODE[index]) return NONE;
  }
  return digitsEnd(bytes, at + 1 + UNICODE.length, wanted);
}

function digitsEnd(bytes: Buffer, at: number, wanted: number): number {
  const [high, low] = [bytes[at], bytes[at + 1]];
  if (high === undefined) return OPEN;
  if (DIGITS[high] !== wanted >> 4) return NONE;
  if (low === undefined) return OPEN;
  return DIGITS[low] === (wanted & 15) ? at + 2 : NONE;
}
