/**
 * For tests: a guest, the proxy and servers of the world, all on this machine's loopback, with real sockets and real TLS. Where the kernel
 * would tell to whom a connection was made, the lab does.
 */
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type SecureContext, type TLSSocket } from "node:tls";
import type { AuthorityKeys, BlockedRequest, EgressSecret, TlsSettings } from "@fastvm/contract";
import { Authority, makeAuthority } from "../authority/authority.ts";
import { Leaves } from "../authority/leaves.ts";
import { intercept } from "../connection/intercept.ts";
import type { Question, Verdict } from "../wire.ts";

export const API = "api.test";
export const OTHER = "other.test";
export const VALUE = 'v&lue "of\\ the secret';
export const PLACEHOLDER = "$MSB_TOKEN";

export const SECRET: EgressSecret = {
  name: "TOKEN",
  value: VALUE,
  placeholder: PLACEHOLDER,
  hosts: [API],
  injection: { headers: true, basicAuth: true, query: true, body: true },
  onViolation: "block_and_log",
  passthroughHosts: [],
  requireTls: true,
};

const TLS: TlsSettings = {
  ports: [443],
  bypass: [],
  verifyUpstream: true,
  blockQuic: true,
  upstreamAuthorities: [],
  scopedAuthorities: [],
  scopedVerification: [],
  cache: { capacity: 100, validityHours: 1 },
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly version: string;
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  readonly body: Buffer;
}

type Handler = (seen: Seen, response: ServerResponse | Http2ServerResponse) => void;

export class InterceptLab implements AsyncDisposable {
  readonly authority: AuthorityKeys;
  readonly seen: Seen[] = [];
  readonly asked: Question[] = [];
  readonly blocked: BlockedRequest[] = [];
  /** How many connections reached the server. */
  dialled = 0;
  tls: TlsSettings;
  secrets: readonly EgressSecret[] = [SECRET];
  judge: (question: Question) => Verdict = () => ({ allowed: true, isResolved: true, byName: false });
  respond: Handler = (_seen, response) => {
    response.setHeader("x-from", "server");
    response.end("hello");
  };
  readonly #origin: Server;
  readonly #proxy: Server;
  readonly #sockets = new Set<Socket>();

  static async start(
    options: { readonly plain?: boolean; readonly http2?: boolean } = {},
  ): Promise<InterceptLab> {
    const servers = await makeAuthority();
    const contexts = new Leaves(await Authority.open(servers), { capacity: 100, validityHours: 1 });
    const authority = await makeAuthority();
    const leaves = new Leaves(await Authority.open(authority), { capacity: 100, validityHours: 1 });
    const holder: { lab?: InterceptLab } = {};
    const handle = (
      request: IncomingMessage | Http2ServerRequest,
      response: ServerResponse | Http2ServerResponse,
    ): void => void holder.lab?.receive(request, response);
    const origin: Server =
      options.plain === true
        ? createHttpServer(handle)
        : createSecureServer(
            {
              allowHTTP1: true,
              // Of whoever names nobody; it is no server's.
              cert: servers.certificate,
              key: servers.key,
              ...(options.http2 === false && { ALPNProtocols: ["http/1.1"] }),
              SNICallback: (name, done) => {
                void certify(contexts, name, done);
              },
            },
            handle,
          );
    const proxy = createServer({ allowHalfOpen: true }, (socket) => holder.lab?.take(socket, leaves));
    await Promise.all([listen(origin), listen(proxy)]);
    const lab = new InterceptLab(origin, proxy, authority, servers.certificate);
    holder.lab = lab;
    return lab;
  }

  private constructor(origin: Server, proxy: Server, authority: AuthorityKeys, servers: string) {
    this.#origin = origin;
    this.#proxy = proxy;
    this.authority = authority;
    this.tls = { ...TLS, upstreamAuthorities: [servers] };
    origin.on("connection", (socket: Socket) => {
      this.dialled += 1;
      this.#sockets.add(socket);
    });
  }

  get port(): number {
    return (this.#origin.address() as AddressInfo).port;
  }

  /** As a guest that trusts the organisation's authority; resolves when hands are shaken. */
  async shake(servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({
      ...{ host: "127.0.0.1", port: portOf(this.#proxy), ca: this.authority.certificate, servername },
      ...options,
    });
    this.#sockets.add(socket);
    await once(socket, "secureConnect");
    socket.on("error", () => undefined);
    return socket;
  }

  /** As a guest, without TLS. */
  async connect(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port: portOf(this.#proxy) });
    this.#sockets.add(socket);
    await once(socket, "connect");
    socket.on("error", () => undefined);
    return socket;
  }

  async receive(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    } catch {
      return;
    }
    const seen: Seen = {
      method: request.method ?? "",
      url: request.url ?? "",
      version: request.httpVersion,
      headers: request.rawHeaders,
      trailers: request.rawTrailers,
      body: Buffer.concat(parts),
    };
    this.seen.push(seen);
    this.respond(seen, response);
  }

  take(socket: Socket, leaves: Leaves): void {
    this.#sockets.add(socket);
    const parts = {
      order: { tls: this.tls, secrets: this.secrets },
      leaves,
      ask: async (question: Question): Promise<Verdict> => {
        this.asked.push(question);
        return this.judge(question);
      },
      blocked: (blocked: BlockedRequest) => void this.blocked.push(blocked),
    };
    void intercept(parts, socket, { address: "127.0.0.1", port: this.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([this.#origin, this.#proxy].map((server) => new Promise((done) => server.close(done))));
  }
}

async function certify(
  contexts: Leaves,
  name: string,
  done: (error: Error | null, context?: SecureContext) => void,
): Promise<void> {
  done(null, await contexts.of(name));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

/** All that comes until the other side ends. */
export async function allOf(socket: Socket | TLSSocket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  if (!socket.closed) await new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
  return Buffer.concat(parts).toString("latin1");
}

export function fieldOf({ headers }: Pick<Seen, "headers">, wanted: string): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
  return at === -1 ? undefined : headers[at + 1];
}
