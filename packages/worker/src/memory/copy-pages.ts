/**
 * Moves ranges of pages between two files that address them differently. Used in all three directions: from a process into a delta,
 * from a delta into a process, from a delta into a new base.
 *
 * The calls are synchronous on purpose: scattered ranges mean thousands of small reads, and a trip through the
 * thread pool costs more than the read. The event loop gets its turn after every slice. So each call must get
 * on or throw: a process can end in the middle, and what loops without progress here holds up the whole daemon.
 */
import { readSync, writeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PageRange } from "./dirty-pages.ts";
import { PAGE_BYTES } from "./mapping.ts";

/** About 2 ms of copying between two turns of the event loop. */
const SLICE_BYTES = 2 * 1024 * 1024;

/** One side of a copy: a descriptor, and where in it a page is. */
interface PageFile {
  readonly fd: number;
  /** Scattered: page n is at `base + n * 4096`. Packed: the ranges follow each other from `base` on. */
  readonly layout: "scattered" | "packed";
  readonly base: number;
}

interface CopyOptions {
  /** Leaves pages of zeros out: for a target that is a hole there already. */
  readonly skipZeroPages?: boolean;
}

export async function copyPages(
  ranges: readonly PageRange[],
  from: PageFile,
  to: PageFile,
  options: CopyOptions = {},
): Promise<void> {
  const buffer = Buffer.allocUnsafe(SLICE_BYTES);
  const slices = new SliceWalk(ranges);
  for (;;) {
    const slice = slices.next(SLICE_BYTES);
    if (slice.length === 0) return;
    transfer(slice, from, buffer, readFully);
    transfer(slice, to, buffer, options.skipZeroPages === true ? writeNonZeroPages : writeFully);
    await nextTurn();
  }
}

interface Piece {
  readonly page: number;
  readonly bytes: number;
  /** Bytes of all pieces before this one: its place in a packed file. */
  readonly packedAt: number;
}

class SliceWalk {
  readonly #ranges: readonly PageRange[];
  #range = 0;
  #doneInRange = 0;
  #packedAt = 0;

  constructor(ranges: readonly PageRange[]) {
    this.#ranges = ranges;
  }

  next(maxBytes: number): readonly Piece[] {
    const pieces: Piece[] = [];
    let room = maxBytes;
    for (let range = this.#ranges[this.#range]; range !== undefined && room > 0;) {
      const left = range.pages * PAGE_BYTES - this.#doneInRange;
      const bytes = Math.min(left, room);
      const page = range.firstPage + this.#doneInRange / PAGE_BYTES;
      pieces.push({ page, bytes, packedAt: this.#packedAt });
      this.#packedAt += bytes;
      room -= bytes;
      this.#doneInRange += bytes;
      if (bytes === left) {
        this.#range++;
        this.#doneInRange = 0;
        range = this.#ranges[this.#range];
      }
    }
    return pieces;
  }
}

type Operation = (fd: number, buffer: Buffer, position: number) => void;

function transfer(slice: readonly Piece[], file: PageFile, buffer: Buffer, operation: Operation): void {
  if (file.layout === "packed") {
    const start = slice[0]?.packedAt ?? 0;
    const bytes = slice.reduce((sum, piece) => sum + piece.bytes, 0);
    operation(file.fd, buffer.subarray(0, bytes), file.base + start);
    return;
  }
  let at = 0;
  for (const piece of slice) {
    operation(file.fd, buffer.subarray(at, at + piece.bytes), file.base + piece.page * PAGE_BYTES);
    at += piece.bytes;
  }
}

function readFully(fd: number, buffer: Buffer, position: number): void {
  for (let done = 0; done < buffer.length;) {
    const bytes = readSync(fd, buffer, done, buffer.length - done, position + done);
    if (bytes === 0) throw new Error("The memory ended before its last page");
    done += bytes;
  }
}

/** The memory of a process that has ended takes nothing and reports no error: only this tells. */
function writeFully(fd: number, buffer: Buffer, position: number): void {
  for (let done = 0; done < buffer.length;) {
    const bytes = writeSync(fd, buffer, done, buffer.length - done, position + done);
    if (bytes === 0) throw new Error("The memory took no more bytes");
    done += bytes;
  }
}

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

function writeNonZeroPages(fd: number, buffer: Buffer, position: number): void {
  for (let at = 0; at < buffer.length; at += PAGE_BYTES) {
    const page = buffer.subarray(at, at + PAGE_BYTES);
    if (!page.equals(ZERO_PAGE)) writeFully(fd, page, position + at);
  }
}
