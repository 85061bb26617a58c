/** One output stream of a buffered command: keeps the first bytes, counts the rest. */
export class BoundedOutput {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #truncated = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  push(data: Uint8Array): void {
    const room = this.#maxBytes - this.#bytes;
    if (data.length > room) this.#truncated = true;
    if (room === 0) return;
    const kept = data.subarray(0, room);
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  }

  /** Bytes that are not UTF-8 become U+FFFD; so does a character that the limit cut in two, unless it is dropped whole. */
  text(): string {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const bytes = Buffer.concat(this.#chunks);
    // A stream decoder holds an incomplete last character back: right when the limit cut it, wrong when the command did.
    return decoder.decode(bytes, { stream: this.#truncated });
  }
}
