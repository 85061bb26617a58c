/**
 * What a client sends before its WebSocket is open. Its connection must be read all the
 * while: only a reader learns that the client left. What comes is kept for the WebSocket.
 */
import type { Duplex } from "node:stream";
import { MAX_EARLY_BYTES } from "../limits.ts";

export class EarlyBytes {
  readonly #client: Duplex;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** `head` came with the request. Destroys a connection that ends. */
  constructor(client: Duplex, head: Buffer) {
    this.#client = client;
    this.#onData(head);
    client.on("data", this.#onData).once("end", this.#onEnd);
  }

  /** Whoever reads the connection next gets them first. */
  giveBack(): void {
    this.#client.off("data", this.#onData).off("end", this.#onEnd).pause();
    this.#client.unshift(Buffer.concat(this.#chunks.splice(0)));
  }

  readonly #onData = (chunk: Buffer): void => {
    // Beyond that it is read only when no WebSocket comes any more.
    if (this.#bytes >= MAX_EARLY_BYTES) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= MAX_EARLY_BYTES) this.#client.pause();
  };

  readonly #onEnd = (): void => {
    this.#client.destroy();
  };
}
