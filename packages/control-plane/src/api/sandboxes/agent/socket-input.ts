/** What a socket brings, one piece after another; a slow reader holds its sender up, and costs no memory. */
import type { WebSocket } from "ws";

/** Beyond it nothing more is taken from the network. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class SocketInput {
  /** Rejects with the first failure of the reader, after which nothing is read. */
  readonly failed: Promise<never>;
  readonly #socket: WebSocket;
  readonly #read: (bytes: Buffer) => Promise<void>;
  readonly #fail: (reason: unknown) => void;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isReading = false;

  constructor(socket: WebSocket, read: (bytes: Buffer) => Promise<void>) {
    this.#socket = socket;
    this.#read = read;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
  }

  push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#socket.pause();
    if (!this.#isReading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    try {
      for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
        await this.#read(bytes);
        this.#waitingBytes -= bytes.length;
        if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#socket.resume();
      }
      this.#isReading = false;
    } catch (error) {
      this.#fail(error);
    }
  }
}
