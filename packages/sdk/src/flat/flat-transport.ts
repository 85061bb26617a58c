/**
 * The flat client's connection: one HTTP/2 session over TLS where the server speaks it, the runtime's fetch otherwise
 * (cleartext, a server of HTTP/1.1 alone, a runtime without node:http2).
 */
import type { Http2Connection } from "./http2-connection.ts";

export class FlatTransport {
  readonly #origin: string;
  readonly #isTls: boolean;
  #connection: Promise<Http2Connection | undefined> | undefined;

  constructor(baseUrl: string) {
    const url = new URL(baseUrl);
    this.#origin = url.origin;
    this.#isTls = url.protocol === "https:";
  }

  /** A `fetch` for this transport's origin. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const connection = this.#isTls ? await this.#connect() : undefined;
    if (connection === undefined || typeof input !== "string") return globalThis.fetch(input, init);
    return connection.fetch(input, init);
  };

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then((open) => open?.close()).catch(() => undefined);
  }

  /** Calls that come while the connection is being made share it; a lost one is replaced at the next call. */
  async #connect(): Promise<Http2Connection | undefined> {
    const current = this.#connection;
    const open = await current;
    if (current !== undefined && (open === undefined || open.isUsable)) return open;
    // Of the calls that saw the loss, the first makes the new connection.
    if (this.#connection !== current && this.#connection !== undefined) return this.#connection;
    const connecting = openConnection(this.#origin);
    this.#connection = connecting;
    connecting.catch(() => this.#forget(connecting));
    return connecting;
  }

  /** A failed attempt must not stay for the calls after it. */
  #forget(connection: Promise<unknown>): void {
    if (this.#connection === connection) this.#connection = undefined;
  }
}

/** `undefined` when the server or the runtime has no HTTP/2. */
async function openConnection(origin: string): Promise<Http2Connection | undefined> {
  const module = await import("./http2-connection.ts").catch(() => undefined);
  return module?.Http2Connection.open(origin);
}
