/**
 * For tests: one end of a byte stream over which two processes could call each other. A line of JSON each way for a
 * call and for its answer, another to abort it; bytes as base64. Nothing passes but what was written and parsed back.
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { createInterface } from "node:readline";
import { errorFromWire, errorToWire } from "../../errors/error-wire.ts";

type Message =
  | { readonly kind: "call"; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: "answer"; readonly id: number; readonly value?: unknown; readonly error?: unknown }
  | { readonly kind: "abort"; readonly id: number; readonly reason: unknown };

/** Answers a call of the other side. The signal is that of the caller. */
type Handler = (method: string, args: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class WirePeer {
  readonly #stream: Duplex;
  readonly #handler: Handler;
  readonly #calls = new Map<number, Call>();
  readonly #answering = new Map<number, AbortController>();
  #nextId = 1;

  constructor(stream: Duplex, handler: Handler) {
    this.#stream = stream;
    this.#handler = handler;
    createInterface({ input: stream }).on("line", (line) => this.#receive(parse(line)));
  }

  /**
   * Rejects with what the other side threw, or at once with the signal's reason. An abort after the answer is told to the other side, too.
   */
  async call(method: string, args: readonly unknown[] = [], signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const id = this.#nextId++;
    return await new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#send({ kind: "call", id, method, args });
      const onAbort = (): void => {
        this.#send({ kind: "abort", id, reason: errorToWire(signal?.reason) });
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  async close(): Promise<void> {
    this.#stream.destroy();
    if (!this.#stream.closed) await once(this.#stream, "close");
  }

  #send(message: Message): void {
    if (this.#stream.writable) this.#stream.write(`${stringify(message)}\n`);
  }

  #receive(message: Message): void {
    if (message.kind === "call") void this.#answer(message.id, message.method, message.args);
    else if (message.kind === "abort") this.#answering.get(message.id)?.abort(errorFromWire(message.reason));
    else {
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.error === undefined) call?.resolve(message.value);
      else call?.reject(errorFromWire(message.error));
    }
  }

  async #answer(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const controller = new AbortController();
    this.#answering.set(id, controller);
    try {
      this.#send({ kind: "answer", id, value: await this.#handler(method, args, controller.signal) });
    } catch (error) {
      this.#send({ kind: "answer", id, error: errorToWire(error) });
    }
  }
}

function stringify(message: Message): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    // Node's Buffer has become an object of its own by now.
    const bytes = value instanceof Uint8Array ? value : bytesOfBuffer(value);
    return bytes === undefined ? value : { base64: Buffer.from(bytes).toString("base64") };
  });
}

function bytesOfBuffer(value: unknown): Uint8Array | undefined {
  const { type, data } = (value ?? {}) as { readonly type?: unknown; readonly data?: unknown };
  return type === "Buffer" && Array.isArray(data) ? Uint8Array.from(data as number[]) : undefined;
}

function parse(line: string): Message {
  return JSON.parse(line, (_key, value: unknown) => {
    const { base64 } = (value ?? {}) as { readonly base64?: unknown };
    return typeof base64 === "string" ? Buffer.from(base64, "base64") : value;
  }) as Message;
}
