/** The least that speaks to the agent in a VM, as docs/guest-link.md has it: HELLO, WELCOME, and one command at a time. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { connectWhenThere } from "./monitor.ts";

const HELLO = 1;
const WELCOME = 2;
const OPEN_EXEC = 16;
const EXIT = 39;
const ARG = 1;
const ENV = 2;
const HEADER_BYTES = 12;
const LARGEST_FRAME_BYTES = 65_549;
const HELLO_INTERVAL_MS = 50;

interface Frame {
  readonly kind: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class Agent {
  readonly #socket: Socket;
  readonly #session = randomBytes(2).readUInt16LE() || 1;
  #bytes = Buffer.alloc(0);
  #wake = Promise.withResolvers<void>();
  #nextStream = 1;
  #lost: Error | undefined;

  /** Resolves when the agent has answered. */
  static async greet(path: string): Promise<Agent> {
    const agent = new Agent(await connectWhenThere(path));
    await agent.#hello();
    return agent;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#lost = new Error("QEMU closed the guest link");
      this.#wake.resolve();
    });
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  /** Resolves with the command's exit code. */
  async exec(argv: readonly string[]): Promise<number> {
    const stream = this.#nextStream++;
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const fields = [...argv.map((argument) => field(ARG, argument)), field(ENV, path)];
    this.#socket.write(this.#frame(OPEN_EXEC, stream, Buffer.concat(fields)));
    const exit = await this.#next((frame) => frame.kind === EXIT && frame.stream === stream);
    return exit.payload.readInt32LE(0);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #hello(): Promise<void> {
    const nonce = randomBytes(16);
    const hello = this.#frame(
      HELLO,
      0,
      Buffer.concat([Buffer.from("FASTVM-LINK-V1\r\n"), randomBytes(16), nonce]),
    );
    this.#socket.write(Buffer.concat([Buffer.alloc(LARGEST_FRAME_BYTES), hello]));
    const repeat = setInterval(
      () => this.#socket.writableLength > 0 || this.#socket.write(hello),
      HELLO_INTERVAL_MS,
    );
    try {
      await this.#next(({ kind, payload }) => kind === WELCOME && payload.subarray(0, 16).equals(nonce));
    } finally {
      clearInterval(repeat);
    }
  }

  async #next(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined && fits(frame)) return frame;
      if (frame !== undefined) continue;
      if (this.#lost !== undefined) throw this.#lost;
      await this.#wake.promise;
    }
  }

  /** Skips to the first frame of our session: what the guest had begun to say before it was captured comes first. */
  #take(): Frame | undefined {
    const start = this.#bytes.findIndex((byte, at) => byte === 0xf5 && this.#isOurs(at));
    if (start < 0 || this.#bytes.length < start + HEADER_BYTES) return undefined;
    const head = this.#bytes.subarray(start);
    const end = HEADER_BYTES + head.readUInt32LE(8);
    if (head.length < end + 1) return undefined;
    this.#bytes = head.subarray(end + 1);
    return {
      kind: head.readUInt8(1),
      stream: head.readUInt32LE(4),
      payload: head.subarray(HEADER_BYTES, end),
    };
  }

  #isOurs(at: number): boolean {
    return this.#bytes.length >= at + 4 && this.#bytes.readUInt16LE(at + 2) === this.#session;
  }

  #frame(kind: number, stream: number, payload: Buffer): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.set([0xf5, kind]);
    header.writeUInt16LE(this.#session, 2);
    header.writeUInt32LE(stream, 4);
    header.writeUInt32LE(payload.length, 8);
    return Buffer.concat([header, payload, Buffer.from([0x5f])]);
  }
}

function field(tag: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag, 0);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}
