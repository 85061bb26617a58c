/** Data of a file that come in frames, read by whoever writes them on; an empty piece is their end. */
export class Upload implements AsyncIterable<Uint8Array> {
  bytes = 0;
  #isOver = false;
  #piece: Uint8Array | undefined;
  #arrived = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  /** Resolves when it was taken, or nobody wants it. */
  async push(piece: Uint8Array): Promise<void> {
    if (this.#isOver) return;
    this.#piece = piece;
    this.#arrived.resolve();
    await this.#taken.promise;
  }

  stop(): void {
    this.#isOver = true;
    this.#taken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      await this.#arrived.promise;
      const piece = this.#piece ?? new Uint8Array();
      this.#arrived = Promise.withResolvers<void>();
      this.bytes += piece.length;
      if (piece.length > 0) yield piece;
      const taken = this.#taken;
      this.#taken = Promise.withResolvers<void>();
      taken.resolve();
      if (piece.length === 0) return;
    }
  }
}
