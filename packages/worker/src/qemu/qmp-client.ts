/**
 * A QEMU monitor (QMP): JSON lines over a Unix socket. QEMU serves one client per monitor and speaks first, so a
 * connection counts once its greeting came. Events are hints: whoever acts on one asks QEMU again.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";
import { pinSocket } from "../files/pinned-socket.ts";
import { QmpError } from "./qmp-error.ts";

interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

/** The longest answer we ask for (query-named-block-nodes) is far below; more is a broken or hostile QEMU. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
/** A monitor that is merely busy answers within milliseconds; one that stands still this long is lost. */
const DEFAULT_COMMAND_TIMEOUT_MS = 20_000;
const CONNECT_RETRY_MS = 2;

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class QmpClient {
  /** Resolves with the cause when the connection is gone, whoever ended it. */
  readonly closed: Promise<Error>;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting = Promise.withResolvers<void>();
  #nextId = 1;
  #partial = "";
  #lost: Error | undefined;

  /** Retries until QEMU has made its socket and greeted, at most until the deadline. */
  static async connect(socketPath: string, deadlineMs: number, signal?: AbortSignal): Promise<QmpClient> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      try {
        const client = new QmpClient(await openSocket(socketPath));
        await client.#ready(Math.max(1, deadline - Date.now()));
        return client;
      } catch (error) {
        const notYet = isErrno(error, "ENOENT", "ECONNREFUSED");
        if (!notYet || Date.now() >= deadline || signal?.aborted === true) throw error;
        await sleep(CONNECT_RETRY_MS);
      }
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#greeting.promise.catch(() => undefined);
    this.closed = new Promise((resolve) => {
      socket.on("error", (error) => resolve(this.#lose(error)));
      socket.on("close", () => resolve(this.#lose(new Error("QEMU closed its monitor"))));
    });
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#receive(chunk));
  }

  /** Rejects with a QmpError when QEMU refuses the command, with another error when the monitor is lost or silent. */
  execute(command: string, args?: Json, timeoutMs = DEFAULT_COMMAND_TIMEOUT_MS): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`QEMU did not answer ${command} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { command, resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ execute: command, id, ...(args && { arguments: args }) })}\n`);
    });
  }

  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Closes our end; QEMU runs on. */
  close(): void {
    this.#socket.destroy();
    this.#lose(new Error("The monitor was closed"));
  }

  async #ready(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(new Error("QEMU did not greet in time")), timeoutMs);
    try {
      await this.#greeting.promise;
      await this.execute("qmp_capabilities");
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(chunk: string): void {
    const lines = (this.#partial + chunk).split("\n");
    this.#partial = lines.pop() ?? "";
    if (this.#partial.length > MAX_LINE_BYTES) {
      this.#socket.destroy(new Error("QEMU sent an endless line"));
      return;
    }
    for (const line of lines) if (line.trim() !== "") this.#dispatch(line);
  }

  #dispatch(line: string): void {
    let message: Json;
    try {
      message = JSON.parse(line) as Json;
    } catch (error) {
      this.#socket.destroy(new Error("QEMU sent a line that is not JSON", { cause: error }));
      return;
    }
    if ("QMP" in message) this.#greeting.resolve();
    else if (typeof message["event"] === "string") this.#emit(message["event"], message["data"]);
    else if (typeof message["id"] === "number") this.#settle(message["id"], message);
  }

  #emit(event: string, data: unknown): void {
    for (const listener of this.#listeners) listener({ event, data: (data ?? {}) as Json });
  }

  #settle(id: number, message: Json): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    const failure = message["error"] as { class?: string; desc?: string } | undefined;
    if (failure === undefined) pending.resolve(message["return"]);
    else pending.reject(new QmpError(pending.command, failure.class ?? "GenericError", failure.desc ?? ""));
  }

  #lose(cause: Error): Error {
    if (this.#lost !== undefined) return this.#lost;
    this.#lost = cause;
    this.#greeting.reject(cause);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new Error(`The monitor was lost during ${pending.command}`, { cause }));
    }
    this.#pending.clear();
    return cause;
  }
}

async function openSocket(path: string): Promise<Socket> {
  await using pinned = await pinSocket(path);
  return await new Promise((resolve, reject) => {
    const socket = connect(pinned.path);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
