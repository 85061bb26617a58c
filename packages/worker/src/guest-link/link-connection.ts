/**
 * The socket under a guest link: connecting, the handshake, frames in and out, and the one place where a link is
 * lost. It knows frames and nothing of what they are for.
 */
import { randomBytes, randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { FastvmError } from "@fastvm/contract";
import { within } from "./deadline.ts";
import { FrameParser } from "./frame-parser.ts";
import { encodeHello } from "./frame.ts";
import { LinkWriter } from "./link-writer.ts";
import { Kind, MAX_FRAME_BYTES, NONCE_BYTES, PROTOCOL_VERSION, WELCOME_BYTES } from "./protocol.ts";
import { connectUnixSocket } from "./unix-socket.ts";

export interface LinkAddress {
  /** The host's end of the virtio-serial port. It may be missing or refuse until the deadline. */
  readonly socketPath: string;
  /** 16 bytes that name the VM's life since it was last restored. */
  readonly generation: Uint8Array;
  /** From the call to the guest's WELCOME, in ms. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface LinkHandler {
  /** Every frame but WELCOME. `payload` is valid during the call only. */
  onFrame(kind: number, stream: number, payload: Buffer): void;
  /** Bytes came, whatever they are. */
  onAlive(): void;
  /** Called once. Nothing is received or sent any more. */
  onLost(cause: FastvmError): void;
}

/** Said again in case the guest lost it among what was cut in two. */
const HELLO_INTERVAL_MS = 50;
/** A guest that has not answered by then is busy or mute: each HELLO would cost the one work and the other nothing. */
const EAGER_MS = 1_000;
const PATIENT_INTERVAL_MS = 1_000;
const MAX_SESSION = 0xffff;
const BOOT_ID_OFFSET = 24;

export class LinkConnection {
  readonly #handler: LinkHandler;
  readonly #session = randomInt(1, MAX_SESSION + 1);
  readonly #nonce = randomBytes(NONCE_BYTES);
  readonly #parser: FrameParser;
  readonly #welcome = Promise.withResolvers<void>();
  #socket: Socket | undefined;
  #writer: LinkWriter | undefined;
  #bootId = "";
  #abilities = 0;
  #lost: FastvmError | undefined;

  constructor(handler: LinkHandler) {
    this.#handler = handler;
    this.#welcome.promise.catch(() => undefined);
    this.#parser = new FrameParser(this.#session, this.#nonce, {
      onFrame: (kind, stream, payload) => this.#receive(kind, stream, payload),
      onGarbage: (reason) =>
        this.lose(new FastvmError("guest_unresponsive", `its agent sent garbage: ${reason}`)),
    });
  }

  /** In the usual text form; empty before the handshake. */
  get bootId(): string {
    return this.#bootId;
  }

  /** Bits of `Ability`. */
  get abilities(): number {
    return this.#abilities;
  }

  /** Why the link is gone; `undefined` while it stands. */
  get lost(): FastvmError | undefined {
    return this.#lost;
  }

  /** Throws the cause when the link is lost. */
  get writer(): LinkWriter {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#writer === undefined)
      throw new FastvmError("guest_unresponsive", "it has not been greeted yet");
    return this.#writer;
  }

  /** Resolves once the guest has answered the handshake. Once, and at the start. */
  async open(address: LinkAddress): Promise<void> {
    const deadlineAt = performance.now() + address.deadlineMs;
    const socket = await connectUnixSocket({
      path: address.socketPath,
      deadlineAt,
      signal: address.signal,
      onread: {
        buffer: () => this.#parser.space(),
        callback: (bytes) => {
          this.#handler.onAlive();
          this.#parser.advance(bytes);
          return true;
        },
      },
    });
    this.#socket = socket;
    let failure: Error | undefined;
    socket.on("error", (error) => (failure = error));
    socket.on("close", () =>
      this.lose(new FastvmError("vm_died", "the connection to it was cut", { cause: failure })),
    );
    await this.#greet(socket, address, Math.max(1, deadlineAt - performance.now()));
    this.#writer = new LinkWriter(socket, this.#session);
  }

  /** Ends the connection. The first cause counts. */
  lose(cause: FastvmError): void {
    if (this.#lost !== undefined) return;
    this.#lost = cause;
    this.#parser.stop();
    this.#socket?.destroy();
    this.#welcome.reject(cause);
    this.#handler.onLost(cause);
  }

  async #greet(socket: Socket, { generation, signal }: LinkAddress, deadlineMs: number): Promise<void> {
    const hello = encodeHello(this.#session, generation, this.#nonce);
    // The zeros complete whatever frame was cut in two when the VM was captured, so that the guest drops it.
    socket.cork();
    socket.write(Buffer.alloc(MAX_FRAME_BYTES));
    socket.write(hello);
    socket.uncork();
    // What is not yet taken need not be said again.
    const say = (): void => {
      if (socket.writableLength === 0) socket.write(hello);
    };
    let repeat = setInterval(say, HELLO_INTERVAL_MS);
    const relax = setTimeout(() => {
      clearInterval(repeat);
      repeat = setInterval(say, PATIENT_INTERVAL_MS);
    }, EAGER_MS);
    try {
      await within(this.#welcome.promise, { signal, deadlineMs, what: "answer the handshake" });
    } finally {
      clearTimeout(relax);
      clearInterval(repeat);
    }
  }

  #receive(kind: number, stream: number, payload: Buffer): void {
    if (kind === Kind.WELCOME) this.#receiveWelcome(payload);
    else this.#handler.onFrame(kind, stream, payload);
  }

  /** Comes as often as HELLO was said. A later one may be of any length, and says nothing new. */
  #receiveWelcome(payload: Buffer): void {
    if (this.#bootId !== "" || payload.length !== WELCOME_BYTES) return;
    const version = payload.readUInt16LE(NONCE_BYTES);
    if (version !== PROTOCOL_VERSION) {
      this.lose(new FastvmError("guest_unresponsive", `its agent speaks version ${version} of the link`));
      return;
    }
    this.#abilities = payload.readUInt16LE(NONCE_BYTES + 2);
    const id = payload.toString("hex", BOOT_ID_OFFSET, WELCOME_BYTES);
    this.#bootId = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    this.#welcome.resolve();
  }
}
