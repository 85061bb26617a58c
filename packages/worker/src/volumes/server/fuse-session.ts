/** Asks a volume server as a guest's kernel would: one attachment, one session, requests side by side. */
import type { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import { VolumeFileError } from "./volume-file-error.ts";
import { decodeReply, encodeRequest, initBody, long, Opcode, ROOT_NODE, type Reply } from "./fuse-wire.ts";
import { encodeFrame, FrameReader, welcomeTo, WIRE, type Frame } from "./wire.ts";

/** The one mount that is ours. */
const CHANNEL = 1;
/** A server on an idle host is there in 10 ms. */
const START_DEADLINE_MS = 10_000;

export class FuseSession {
  readonly #port: Duplex;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<bigint, PromiseWithResolvers<Reply>>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #tag: string;
  #sent = 0n;
  #received = 0n;
  #unique = 1n;
  #failure: Error | undefined;

  /** Resolves when the attachment of that tag can be asked. */
  static async open(port: Duplex, tag: string): Promise<FuseSession> {
    const session = new FuseSession(port, tag);
    const late = setTimeout(
      () => session.#fail(new Error("a volume server did not begin")),
      START_DEADLINE_MS,
    );
    try {
      await session.#opened.promise;
      await session.ask(Opcode.INIT, ROOT_NODE, initBody());
      return session;
    } finally {
      clearTimeout(late);
    }
  }

  private constructor(port: Duplex, tag: string) {
    this.#port = port;
    this.#tag = tag;
    this.#opened.promise.catch(() => undefined);
    port.on("data", (bytes: Buffer) => this.#take(bytes));
    port.on("error", (error) => this.#fail(error));
    port.on("close", () => this.#fail(new Error("a volume server ended")));
  }

  /** Rejects with a VolumeFileError for what the filesystem refuses. */
  async ask(opcode: number, node: bigint, body: Buffer = Buffer.alloc(0)): Promise<Buffer> {
    if (this.#failure !== undefined) throw lost(this.#failure);
    const unique = (this.#unique += 2n);
    const answer = Promise.withResolvers<Reply>();
    this.#waiting.set(unique, answer);
    this.#send(WIRE.FUSE, encodeRequest(opcode, unique, node, body));
    const { errno, body: told } = await answer.promise;
    if (errno !== 0) throw new VolumeFileError(errno);
    return told;
  }

  /** Has no answer. */
  forget(node: bigint, lookups = 1n): void {
    if (this.#failure !== undefined || node === ROOT_NODE) return;
    this.#send(WIRE.FUSE, encodeRequest(Opcode.FORGET, (this.#unique += 2n), node, long(lookups)));
  }

  #take(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.take(bytes)) this.#takeFrame(frame);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #takeFrame({ kind, number, payload }: Frame): void {
    if (kind === WIRE.HELLO) return this.#welcome(payload);
    if (number > this.#received) this.#received = number;
    if (kind === WIRE.OPENED) {
      const errno = payload.readUInt32LE(0);
      if (errno === 0) this.#opened.resolve();
      else this.#fail(new VolumeFileError(errno));
    } else if (kind === WIRE.FUSE) {
      const reply = decodeReply(payload);
      this.#waiting.get(reply.unique)?.resolve(reply);
      this.#waiting.delete(reply.unique);
    }
  }

  /** Of several, which it sends until it has an answer, the first alone. */
  #welcome(hello: Buffer): void {
    const welcome = welcomeTo(hello);
    if (welcome === undefined || this.#sent > 0n) return;
    const frame = { kind: WIRE.WELCOME, channel: 0, number: 0n, payload: welcome };
    this.#port.write(encodeFrame(frame, 0n));
    this.#send(WIRE.OPEN, Buffer.from(this.#tag));
  }

  #send(kind: number, payload: Buffer): void {
    this.#sent += 1n;
    this.#port.write(encodeFrame({ kind, channel: CHANNEL, number: this.#sent, payload }, this.#received));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#opened.reject(this.#failure);
    for (const { reject } of this.#waiting.values()) reject(lost(this.#failure));
    this.#waiting.clear();
  }
}

function lost(cause: Error): FastvmError {
  return new FastvmError("file_failed", "the server of the volume's files was lost", { cause });
}
