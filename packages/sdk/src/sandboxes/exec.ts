/** A command in a sandbox, over a WebSocket of its own: `exec.cbor`. The key goes in a header: Node from 22 on, Bun and Deno can. */
import { credentialsOf } from "../client-config.ts";
import type { ClientConfig } from "../client-config.ts";
import {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIUserAbortError,
  BadRequestError,
  FastvmError,
} from "../errors.ts";
import { sleep, timerAt } from "../http/deadline.ts";
import { decodeCbor, encodeCbor, joined } from "./cbor.ts";
import type { Cbor } from "./cbor.ts";

export interface SandboxExecOptions {
  /** Beside the sandbox's own. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default: the sandbox's. */
  readonly cwd?: string | undefined;
  /** A name or number, with a group after a colon. Default: the sandbox's. */
  readonly user?: string | undefined;
  /** All that it is given; default: nothing. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Then it is killed, and an APIConnectionTimeoutError thrown. Default, and what is over 25 days: none. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SandboxExecResult {
  /** -1 where a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command did not start. */
export class SandboxExecError extends FastvmError {
  /** Why, for programs, such as `not_found`. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What a runtime's own WebSocket has of it. */
interface SocketLike {
  readonly bufferedAmount: number;
  readonly readyState: number;
  binaryType: string;
  close(): void;
  send(bytes: Uint8Array): void;
  addEventListener(kind: "open" | "close" | "error", listener: () => void): void;
  addEventListener(kind: "message", listener: (event: { readonly data: unknown }) => void): void;
}
type SocketClass = new (
  url: string,
  options: { readonly headers: Record<string, string>; readonly protocols: readonly string[] },
) => SocketLike;

const SUBPROTOCOL = "msb.cbor";
const GENERATION = 6;
/** There is one on each socket. */
const ID = 1;
/** Opens a call. */
const OPENING = 2;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 9;
/** Of input in one frame. */
const CHUNK_BYTES = 3 * 1024 * 1024;
/** Of input that is on its way. */
const MAX_WAITING_BYTES = 2 * CHUNK_BYTES;
const LOOK_EVERY_MS = 10;
/** The `readyState` of a WebSocket. */
const OPEN = 1;
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** A server that takes longer to connect is as good as down. */
const CONNECT_MS = 15_000;

interface AgentPlace {
  readonly config: ClientConfig;
  readonly path: string;
  /** Rejects with what the server says of a socket that it does not open, which no runtime tells. */
  readonly whyRefused: () => Promise<unknown>;
}

/** Rejects with a SandboxExecError when it does not start. Whoever gives up, by signal or time, ends the command. */
export async function execInSandbox(
  { config, path, whyRefused }: AgentPlace,
  command: readonly string[],
  options: SandboxExecOptions,
): Promise<SandboxExecResult> {
  const { signal, timeoutMs } = options;
  const socket = openSocket(config, path);
  const frames = new Frames();
  const output = { stdout: new Text(), stderr: new Text() };
  const timers: ReturnType<typeof timerAt>[] = [];
  let giveUp: () => void = () => undefined;
  /** Then nobody wants to know why. */
  let isOver = false;
  try {
    return await new Promise<SandboxExecResult>((resolve, reject) => {
      const later = (afterMs: number, what: string): void => {
        timers.push(timerAt(afterMs, () => reject(new APIConnectionTimeoutError(what))));
      };
      const connecting = setTimeout(
        () => reject(new APIConnectionTimeoutError("The sandbox did not answer")),
        CONNECT_MS,
      );
      timers.push(connecting);
      giveUp = () => reject(new APIUserAbortError("The command was given up"));
      if (signal?.aborted === true) return giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
      if (timeoutMs !== undefined) later(timeoutMs, `The command did not end within ${timeoutMs} ms`);
      let isOpen = false;
      const cut = (): void => {
        // Runtimes tell of one that is not opened by both events.
        if (isOver) return;
        isOver = true;
        whyCut(isOpen, whyRefused).then(reject, reject);
      };
      socket.addEventListener("error", cut);
      socket.addEventListener("close", cut);
      socket.addEventListener("open", () => {
        isOpen = true;
        clearTimeout(connecting);
        ask(socket, command, options).catch(reject);
      });
      socket.addEventListener("message", ({ data }) => {
        try {
          for (const { type, payload } of frames.push(data)) {
            if (type === "core.exec.stdout") output.stdout.add(payload["data"]);
            else if (type === "core.exec.stderr") output.stderr.add(payload["data"]);
            else if (type === "core.exec.exited")
              resolve({
                exitCode: Number(payload["code"]),
                stdout: output.stdout.whole(),
                stderr: output.stderr.whole(),
              });
            else if (type === "core.exec.failed" || type === "core.error")
              reject(new SandboxExecError(textOf(payload["kind"]), textOf(payload["message"])));
          }
        } catch (error) {
          reject(error);
        }
      });
    });
  } finally {
    isOver = true;
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    socket.close();
  }
}

/** Of one that was open nobody knows more. */
async function whyCut(isOpen: boolean, whyRefused: AgentPlace["whyRefused"]): Promise<unknown> {
  const cut = new APIConnectionError("The connection ended before the command");
  if (isOpen) return cut;
  return await whyRefused().then(
    () => cut,
    // It would be opened now, and is not asked for like this.
    (why: unknown) => (why instanceof BadRequestError ? cut : why),
  );
}

function openSocket(config: ClientConfig, path: string): SocketLike {
  const { WebSocket: Socket }: { WebSocket?: unknown } = globalThis;
  if (typeof Socket !== "function")
    throw new FastvmError("This runtime has no WebSocket: commands in sandboxes need Node.js 22 or later");
  const url = `${config.baseUrl.replace(/^http/, "ws")}${path}`;
  const headers = { ...config.headers, ...credentialsOf(config) };
  const socket = new (Socket as SocketClass)(url, { headers, protocols: [SUBPROTOCOL] });
  socket.binaryType = "arraybuffer";
  return socket;
}

async function ask(
  socket: SocketLike,
  [cmd = "", ...args]: readonly string[],
  options: SandboxExecOptions,
): Promise<void> {
  const { env = {}, cwd = null, user = null, stdin = "" } = options;
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const request = { cmd, args, env: pairs, cwd, user, tty: false, rows: 24, cols: 80, rlimits: [] };
  socket.send(frameOf("core.exec.request", request, OPENING));
  const input = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
  for (let at = 0; at < input.length; at += CHUNK_BYTES) {
    // What a socket is given it keeps, beside what it was made of, until it is sent: at the pace of the command.
    while (socket.bufferedAmount > MAX_WAITING_BYTES && socket.readyState === OPEN)
      await sleep(LOOK_EVERY_MS, options.signal);
    if (socket.readyState !== OPEN) return;
    socket.send(frameOf("core.exec.stdin", { data: input.subarray(at, at + CHUNK_BYTES) }));
  }
  // Its end.
  socket.send(frameOf("core.exec.stdin", { data: new Uint8Array() }));
}

function frameOf(type: string, payload: Readonly<Record<string, Cbor>>, flags = 0): Uint8Array {
  const message = encodeCbor({ v: GENERATION, t: type, p: encodeCbor(payload) });
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, HEADER_BYTES - LENGTH_BYTES + message.length);
  view.setUint32(LENGTH_BYTES, ID);
  view.setUint8(2 * LENGTH_BYTES, flags);
  return joined([header, message]);
}

interface Frame {
  readonly type: string;
  readonly payload: Readonly<Record<string, Cbor>>;
}

/** Puts messages together and takes them apart where frames end. */
class Frames {
  #rest: Uint8Array = new Uint8Array();

  *push(data: unknown): Generator<Frame, void, undefined> {
    if (!(data instanceof ArrayBuffer)) throw new FastvmError("The agent of the sandbox sent text");
    this.#rest = joined([this.#rest, new Uint8Array(data)]);
    while (this.#rest.length >= LENGTH_BYTES) {
      const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(0);
      if (length > MAX_FRAME_BYTES) throw new FastvmError("The agent of the sandbox sent too long a frame");
      const end = LENGTH_BYTES + length;
      if (this.#rest.length < end) return;
      const message = mapIn(this.#rest.subarray(HEADER_BYTES, end));
      this.#rest = this.#rest.subarray(end);
      const { t: type, p: inside } = message;
      if (typeof type === "string" && inside instanceof Uint8Array) yield { type, payload: mapIn(inside) };
    }
  }
}

function mapIn(bytes: Uint8Array): Frame["payload"] {
  const value = decodeCbor(bytes);
  return typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
    ? (value as Frame["payload"])
    : {};
}

function textOf(value: Cbor | undefined): string {
  return typeof value === "string" ? value : "unknown";
}

/** A character that two pieces share is in the second. */
class Text {
  readonly #decoder = new TextDecoder();
  readonly #pieces: string[] = [];

  add(data: Cbor | undefined): void {
    if (data instanceof Uint8Array) this.#pieces.push(this.#decoder.decode(data, { stream: true }));
  }

  whole(): string {
    return this.#pieces.join("") + this.#decoder.decode();
  }
}
