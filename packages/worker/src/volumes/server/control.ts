/** The worker's word to a volume server: a line each way, in order; bytes behind a line where it says so. */
import { connect, type Socket } from "node:net";
import { pinSocket } from "../../files/pinned-socket.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";

/** One step of the server takes milliseconds; a table of a million nodes a second. */
const ANSWER_DEADLINE_MS = 15_000;
/** Until a server that was just started listens. */
const CONNECT_DEADLINE_MS = 10_000;
const CONNECT_POLL_MS = 10;
/** A line is at most 4 KiB on the way there; a list of 16 attachments is longer. */
const MAX_LINE_BYTES = 64 * 1024;

interface Told {
  readonly ok: boolean;
  readonly errno?: string;
  readonly message?: string;
  readonly bytes?: number;
  readonly [key: string]: unknown;
}

interface Answer {
  readonly told: Told;
  /** What follows the line; to be read to its end before anything else is asked. */
  readonly bytes: AsyncIterable<Buffer>;
}

interface AskOptions {
  readonly words?: Readonly<Record<string, string>>;
  /** Sent behind the line, which says how long it is. */
  readonly content?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** For the first byte of the answer; default: 15 s. */
  readonly deadlineMs?: number;
}

interface ConnectOptions {
  /** Default: 10 s, for a server that was just started. */
  readonly deadlineMs?: number;
}

/** One connection: what is frozen under a lease is so for as long as it stands. */
export class ControlConnection implements Disposable {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);

  static async open(
    socketPath: string,
    { deadlineMs = CONNECT_DEADLINE_MS }: ConnectOptions = {},
  ): Promise<ControlConnection> {
    return new ControlConnection(await connected(socketPath, deadlineMs));
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Its end is told by whatever is asked next.
    socket.on("error", () => undefined);
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Resolves when the server has ended, or has closed it. Nothing else may be asked over it then. */
  async ended(): Promise<void> {
    await this.#more().catch(() => undefined);
  }

  async ask(
    verb: string,
    { words = {}, content, deadlineMs = ANSWER_DEADLINE_MS }: AskOptions = {},
  ): Promise<Answer> {
    const line = [verb, ...Object.entries(words).map(([key, value]) => `${key}=${escaped(value)}`)].join(" ");
    const late = setTimeout(
      () => this.#socket.destroy(new Error("a volume server does not answer")),
      deadlineMs,
    );
    try {
      this.#socket.write(`${line}\n`);
      for await (const chunk of content ?? []) await this.#write(chunk);
      const told = JSON.parse(await this.#line()) as Told;
      if (!told.ok) throw new ServerRefusal(verb, told.errno ?? "EIO", told.message ?? "");
      return { told, bytes: this.#bytes(told.bytes ?? 0) };
    } finally {
      clearTimeout(late);
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#socket.write(chunk)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        this.#socket.off("drain", settle).off("close", settle);
        if (this.#socket.destroyed) reject(ended());
        else resolve();
      };
      this.#socket.on("drain", settle).on("close", settle);
    });
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf("\n");
      if (end !== -1) {
        const line = this.#pending.toString("utf8", 0, end);
        this.#pending = this.#pending.subarray(end + 1);
        return line;
      }
      if (this.#pending.length > MAX_LINE_BYTES) throw ended();
      this.#pending = Buffer.concat([this.#pending, await this.#more()]);
    }
  }

  async *#bytes(count: number): AsyncGenerator<Buffer> {
    for (let missing = count; missing > 0;) {
      const chunk = this.#pending.length > 0 ? this.#pending : await this.#more();
      const part = chunk.subarray(0, missing);
      this.#pending = chunk.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }

  async #more(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next();
    if (done === true) throw ended();
    return value;
  }

  /** Nothing waits for it but whoever asks. */
  unref(): void {
    this.#socket.unref();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function ended(): FastvmError {
  return new FastvmError("internal", "a volume server ended in the midst of an answer");
}

export class ServerRefusal extends FastvmError {
  readonly errno: string;

  constructor(verb: string, errno: string, message: string) {
    super("conflict", `the volume server refused ${verb}: ${errno} ${message}`.trim());
    this.errno = errno;
  }
}

function escaped(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9._/-]/g, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

async function connected(socketPath: string, deadlineMs: number): Promise<Socket> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt(socketPath);
    } catch (error) {
      if (Date.now() > deadline) {
        throw new FastvmError("internal", "a volume server does not listen", { cause: error });
      }
      await sleep(CONNECT_POLL_MS);
    }
  }
}

async function attempt(socketPath: string): Promise<Socket> {
  await using pinned = await pinSocket(socketPath);
  return await new Promise((resolve, reject) => {
    const socket = connect(pinned.path);
    socket.once("connect", () => resolve(socket)).once("error", reject);
  });
}
