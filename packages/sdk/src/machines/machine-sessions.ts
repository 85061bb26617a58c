/** Commands and terminals of a machine as they go on, over whatever connections that takes. */
import type { ClientConfig } from "../client-config.ts";
import { joinPath } from "../http/path.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineChannel, notBegun } from "./machine-channel.ts";

export interface Output {
  /** A terminal's is all `stdout`. `lost`: some is no longer kept, and is not here. */
  readonly stream: "stdout" | "stderr" | "lost";
  readonly data: Uint8Array;
}

export interface ConnectOptions extends CallOptions {
  /** Into all that was written. Default 0. */
  readonly offset?: number;
}

interface Beginning {
  readonly type: string;
  readonly offset?: number;
}

const STREAMS: ReadonlyMap<unknown, Output["stream"]> = new Map([
  ["exec_stdout", "stdout"],
  ["exec_stderr", "stderr"],
  ["pty_output", "stdout"],
  ["lost", "lost"],
]);

/**
 * Iterate over it for what is written, each byte once and in order, also where the server is restarted in between. It is the machine's:
 * leaving the loop leaves what runs alone.
 */
class Session implements AsyncIterable<Output> {
  readonly #channel: MachineChannel;
  readonly #kind: string;
  #offset: number;
  #pid: number | undefined;
  #sessionId: string | undefined;
  #exitCode: number | undefined;

  constructor(config: ClientConfig, path: string, first: Beginning, signal?: AbortSignal) {
    const [kind = ""] = first.type.split("_", 1);
    this.#kind = kind;
    this.#offset = first.offset ?? 0;
    // What was begun is begun once: afterwards it is found by its number and gone on with.
    this.#channel = new MachineChannel({ config, path, channel: kind, signal }, () =>
      this.#pid === undefined ? first : this.#connecting(),
    );
  }

  get pid(): number {
    return this.#pid ?? 0;
  }

  /** `undefined` until its end has been read. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  get isConnected(): boolean {
    return this.#channel.isConnected;
  }

  /** Of a terminal: by which it is found again. */
  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** One whose beginning is not answered is not begun again: it may run. */
  async begin(): Promise<void> {
    const message = await this.#channel.next();
    if (message !== undefined) return void this.#take(message);
    await this.#channel.close();
    throw notBegun();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Output, void, undefined> {
    try {
      while (!this.#channel.isClosed && this.#exitCode === undefined) {
        const message = await this.#channel.next();
        const output = message === undefined ? undefined : this.#take(message);
        if (output !== undefined) yield output;
      }
    } finally {
      await this.#channel.close();
    }
  }

  /** Reads to its end. `undefined` when it was disconnected before. */
  async wait(): Promise<number | undefined> {
    for await (const _output of this);
    return this.#exitCode;
  }

  /** Leaves it alone: it goes on. */
  disconnect(): Promise<void> {
    return this.#channel.close();
  }

  /** With all that it has started; its end is still to be read. */
  kill(): void {
    this.say({ type: `${this.#kind}_kill` });
  }

  protected say(message: object): void {
    this.#channel.say(message);
  }

  #connecting(): object {
    const named = this.#sessionId === undefined ? { pid: this.#pid } : { sessionId: this.#sessionId };
    return { type: `${this.#kind}_connect`, ...named, offset: this.#offset };
  }

  #take(message: Readonly<Record<string, unknown>>): Output | undefined {
    const { type } = message;
    if (type === `${this.#kind}_started`) {
      this.#pid = Number(message["pid"]);
      this.#sessionId = typeof message["session_id"] === "string" ? message["session_id"] : undefined;
    } else if (type === "exec_exit" || type === "pty_exited") {
      this.#exitCode = Number(message["exit_code"]);
    }
    const stream = STREAMS.get(type);
    if (stream === undefined) return undefined;
    if (stream === "lost") return { stream, data: new Uint8Array() };
    this.#offset = Number(message["offset"]);
    return { stream, data: bytesOf(String(message["data"])) };
  }
}

export class CommandStream extends Session {
  sendStdin(data: string | Uint8Array, { close = false }: { readonly close?: boolean } = {}): void {
    this.say({ type: "exec_stdin", data: base64Of(data), close });
  }
}

export class PtySession extends Session {
  sendInput(data: string | Uint8Array): void {
    this.say({ type: "pty_input", data: base64Of(data) });
  }

  resize(cols: number, rows: number): void {
    this.say({ type: "pty_resize", cols, rows });
  }
}

interface PtyParams {
  readonly cols?: number;
  readonly rows?: number;
  /** Default: a login shell. */
  readonly command?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly envs?: Readonly<Record<string, string>> | undefined;
}

interface PtyInfo {
  readonly sessionId: string;
  readonly pid: number;
  readonly command: string;
  readonly running: boolean;
}

/** `machine.pty`: terminals. */
export class MachinePtys {
  readonly #connection: MachineConnection;
  readonly #path: string;

  constructor(connection: MachineConnection, machineId: string) {
    this.#connection = connection;
    this.#path = joinPath("v1", "machines", machineId);
  }

  create({ cols = 80, rows = 24, ...rest }: PtyParams = {}, options: CallOptions = {}): Promise<PtySession> {
    const first = { type: "pty_create", cols, rows, ...rest };
    return beginSession(PtySession, this.#connection.config, this.#path, first, options);
  }

  /** To one that is there, from an offset into what it has shown on. */
  connect(sessionId: string, { offset = 0, ...options }: ConnectOptions = {}): Promise<PtySession> {
    const first = { type: "pty_connect", sessionId, offset };
    return beginSession(PtySession, this.#connection.config, this.#path, first, options);
  }

  /** Oldest first. */
  async list(options: CallOptions = {}): Promise<readonly PtyInfo[]> {
    const path = `${this.#path}/pty`;
    const { sessions } = await this.#connection.call<{ sessions: readonly PtyInfo[] }>("GET", path, options);
    return sessions;
  }

  /** False when it had ended. */
  async kill(sessionId: string, options: CallOptions = {}): Promise<boolean> {
    const path = `${this.#path}/pty/${encodeURIComponent(sessionId)}/kill`;
    const call = { body: {}, ...options };
    return (await this.#connection.call<{ killed: boolean }>("POST", path, call)).killed;
  }
}

export async function beginSession<Kind extends Session>(
  Kind: new (config: ClientConfig, path: string, first: Beginning, signal?: AbortSignal) => Kind,
  config: ClientConfig,
  path: string,
  first: Beginning,
  { signal }: CallOptions,
): Promise<Kind> {
  const session = new Kind(config, path, first, signal);
  await session.begin();
  return session;
}

/** Not `Buffer`, which browsers and edge runtimes have not. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function base64Of(data: string | Uint8Array): string {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
}
