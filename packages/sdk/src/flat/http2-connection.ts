/** One HTTP/2 session to one origin, with the shape of `fetch`: requests share it and end alone. */
import { connect as connectHttp2, constants } from "node:http2";
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
} from "node:http2";
import { Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";

/** A server that takes longer for a TCP and TLS handshake is as good as down. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Headers that HTTP/2 forbids, since its frames say the same. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "host",
]);

export class Http2Connection {
  readonly #session: ClientHttp2Session;
  #activeStreams = 0;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
    // Each request rejects by itself; an unheard error event would end the process.
    session.on("error", () => undefined);
    this.#countStreams(0);
  }

  /** Resolves to `undefined` when the server chose HTTP/1.1 in the TLS handshake. */
  static async open(origin: string): Promise<Http2Connection | undefined> {
    const socket = await openTls(new URL(origin));
    if (socket.alpnProtocol !== "h2") {
      socket.destroy();
      return undefined;
    }
    return new Http2Connection(connectHttp2(origin, { createConnection: () => socket }));
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  close(): void {
    this.#session.close();
  }

  /** An idle connection does not keep the process alive; a request under way does. */
  #countStreams(change: number): void {
    this.#activeStreams += change;
    if (this.#session.destroyed) return;
    if (this.#activeStreams === 0) this.#session.unref();
    else this.#session.ref();
  }

  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => {
    return new Promise((resolve, reject) => {
      const signal = init.signal ?? undefined;
      if (signal?.aborted === true) {
        reject(abortError(signal));
        return;
      }
      const stream = this.#session.request(requestHeaders(url, init));
      this.#countStreams(1);
      const onAbort = (): void => {
        stream.close(constants.NGHTTP2_CANCEL);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      stream.once("response", (headers) => resolve(responseOf(stream, headers)));
      stream.once("error", reject);
      stream.once("close", () => {
        signal?.removeEventListener("abort", onAbort);
        this.#countStreams(-1);
        reject(new Error("The server closed the stream without an answer"));
      });
      stream.end(typeof init.body === "string" ? init.body : undefined);
    });
  };
}

function openTls(url: URL): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port || 443),
      // Server names are for names; Node refuses an address there.
      ...(/^[\d.]+$|^\[/.test(url.hostname) ? {} : { servername: url.hostname }),
      ALPNProtocols: ["h2", "http/1.1"],
    });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error("The TLS handshake took too long")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function requestHeaders(url: string, init: RequestInit): Record<string, string> {
  const { pathname, search } = new URL(url);
  const headers: Record<string, string> = {
    [constants.HTTP2_HEADER_METHOD]: init.method ?? "GET",
    [constants.HTTP2_HEADER_PATH]: `${pathname}${search}`,
  };
  for (const [name, value] of new Headers(init.headers)) {
    if (!CONNECTION_HEADERS.has(name)) headers[name] = value;
  }
  return headers;
}

/** Statuses with which a Response may not have a body. */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

function responseOf(
  stream: ClientHttp2Stream,
  fields: IncomingHttpHeaders & IncomingHttpStatusHeader,
): Response {
  const status = fields[":status"] ?? 0;
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (!name.startsWith(":") && typeof value === "string") headers.set(name, value);
  }
  if (BODILESS_STATUSES.has(status)) {
    stream.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(stream), { status, headers });
}

function abortError(signal: AbortSignal | undefined): Error {
  return new DOMException("The request was aborted", { name: "AbortError", cause: signal?.reason });
}
