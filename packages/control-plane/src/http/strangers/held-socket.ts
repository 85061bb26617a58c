/**
 * A socket that has to wait before it is served. It is read meanwhile, or one whose
 * client has left would wait in vain; what came is given back.
 */
import type { Socket } from "node:net";

/** More than clients send before the first answer. Beyond it nothing is read, and so a client's leaving not noticed. */
const MAX_HELD_BYTES = 32 * 1024;

export class HeldSocket {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.isFull) this.#socket.pause();
  };
  readonly #onEnd = (): void => void this.#socket.destroy();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onEnd).resume();
  }

  get isFull(): boolean {
    return this.#bytes >= MAX_HELD_BYTES;
  }

  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  /** As it was before: paused, with all that came. */
  release(): void {
    this.#socket.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onEnd).pause();
    if (this.#bytes > 0) this.#socket.unshift(Buffer.concat(this.#chunks));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
