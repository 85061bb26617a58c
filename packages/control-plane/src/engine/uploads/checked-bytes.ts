/** Bytes on their way, counted and summed: what is not as it was announced breaks off before its end, so that nothing is kept of it. */
import { createHash } from "node:crypto";
import { FastvmError } from "@fastvm/contract";

interface Announced {
  readonly bytes: number;
  /** Hexadecimal; absent: whatever it is. */
  readonly sha256: string | undefined;
  /** As errors call it. */
  readonly what: string;
}

export class CheckedBytes {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #announced: Announced;
  #sha256: string | undefined;

  constructor(source: AsyncIterable<Uint8Array>, announced: Announced) {
    this.#source = source;
    this.#announced = announced;
  }

  /** Of all of them, once they were read to their end. */
  get sha256(): string {
    if (this.#sha256 === undefined) throw new Error("bytes were not read to their end");
    return this.#sha256;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { bytes, sha256, what } = this.#announced;
    const hash = createHash("sha256");
    let count = 0;
    for await (const chunk of this.#source) {
      count += chunk.length;
      if (count > bytes) throw wrongSize(`${what} has ${bytes} bytes, and more came`);
      hash.update(chunk);
      yield chunk;
    }
    if (count < bytes) throw wrongSize(`${what} has ${bytes} bytes, and ${count} came`);
    const found = hash.digest("hex");
    if (sha256 !== undefined && found !== sha256) throw mismatch(`${what} has the SHA-256 ${found}`);
    this.#sha256 = found;
  }
}

function wrongSize(detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field: "size" });
}

function mismatch(detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field: "checksum" });
}
