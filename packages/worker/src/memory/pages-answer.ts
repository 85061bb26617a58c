/** What comes back from the program that copies pages; see native/pages/main.c. */
import type { FileExtent } from "./page-map.ts";

/** Of an answer's line: five numbers. */
const MAX_LINE_BYTES = 256;
export const EXTENT_BYTES = 12;
/** One for each page of 64 GiB; natively the same. */
const MAX_EXTENTS = 16 * 1024 ** 2;
const NEWLINE = 0x0a;

export interface Scanned {
  readonly pages: number;
  /** Where the next pages would go. */
  readonly filePage: number;
  /** Of what was found, in the memory's order. */
  readonly extents: readonly FileExtent[];
}

export interface Answer extends Scanned {
  readonly id: number;
  readonly errno: number;
}

/** Takes answers from a stream that is cut anywhere. */
export class AnswerReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Of an answer whose line has been read, with the bytes that are to follow. */
  #line: { readonly fields: readonly number[]; readonly rest: number } | undefined;

  read(chunk: Buffer): readonly Answer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const answers: Answer[] = [];
    for (let answer = this.#next(); answer !== undefined; answer = this.#next()) answers.push(answer);
    return answers;
  }

  #next(): Answer | undefined {
    this.#line ??= this.#readLine();
    if (this.#line === undefined || this.#bytes < this.#line.rest) return undefined;
    const { fields, rest } = this.#line;
    this.#line = undefined;
    const [id = 0, errno = 0, pages = 0, filePage = 0] = fields;
    return { id, errno, pages, filePage, extents: decodeExtents(this.#take(rest)) };
  }

  #readLine(): { readonly fields: readonly number[]; readonly rest: number } | undefined {
    const all = this.#joined();
    const end = all.indexOf(NEWLINE);
    if (end < 0 && all.length < MAX_LINE_BYTES) return undefined;
    const words = this.#take(end + 1)
      .subarray(0, -1)
      .toString("latin1")
      .split(" ");
    const fields = words.map(Number);
    const [, , , , extents = 0] = fields;
    if (fields.length !== 5 || !words.every(isDecimal) || !fields.every(isCount) || extents > MAX_EXTENTS) {
      throw new Error("What copies pages gave an answer that is none");
    }
    return { fields, rest: extents * EXTENT_BYTES };
  }

  #take(bytes: number): Buffer {
    const all = this.#joined();
    const rest = all.subarray(bytes);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
    return all.subarray(0, bytes);
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    const all = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

/** Number takes `1e3` and `0x3e8`, too. */
function isDecimal(word: string): boolean {
  return /^\d+$/.test(word);
}

function isCount(field: number): boolean {
  return Number.isSafeInteger(field) && field >= 0;
}

function decodeExtents(bytes: Buffer): readonly FileExtent[] {
  return Array.from({ length: bytes.length / EXTENT_BYTES }, (_, index) => ({
    firstPage: bytes.readUInt32LE(index * EXTENT_BYTES),
    pages: bytes.readUInt32LE(index * EXTENT_BYTES + 4),
    filePage: bytes.readUInt32LE(index * EXTENT_BYTES + 8),
  }));
}
