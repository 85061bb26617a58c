/**
 * The API's socket: HTTP/1.1, HTTP/2 with prior knowledge and (through `upgrade`) WebSocket on one cleartext port, or all of them
 * behind TLS by ALPN. It keeps idle connections open longer than clients and balancers do, so that none is cut in use.
 */
import { constants } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import type { FastifyServerFactory } from "fastify";
import { protocolOf, type Protocol } from "./h2c-preface.ts";
import { isLingering, lingerAfter } from "./linger.ts";
import type { RequestDiversion } from "./request-diversion.ts";
import { STRANGER_LIMITS, type StrangerLimits } from "./strangers/stranger-limits.ts";
import { Strangers } from "./strangers/strangers.ts";
import { lingerLimitsOf } from "./strangers/visitor.ts";

/** Clients keep a connection for 60 s and less; ours must not end first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** From the connection's start to the end of the headers. */
const HEADERS_TIMEOUT_MS = 30_000;
/** From the headers' start to the body's end: room for large uploads over slow lines. */
const REQUEST_TIMEOUT_MS = 3_600_000;
/** First probe of a silent connection: a client that vanished without a word is noticed within minutes. */
const PROBE_AFTER_MS = 30_000;
/** Streams of one HTTP/2 connection, and so execs of one client. */
const MAX_STREAMS = 1000;
/** What a stream may hold of an answer that its client does not take: one of the API's as a whole, or two chunks of one that streams. */
const STREAM_MEMORY_MB = 1;

/** For both servers. */
const HTTP2_OPTIONS = {
  settings: { maxConcurrentStreams: MAX_STREAMS },
  // With Node's 10 MB, 150 answers of 64 KiB have it refuse the streams that follow, and
  // a hundred refusals end the connection with all that it carries.
  maxSessionMemory: MAX_STREAMS * STREAM_MEMORY_MB,
  // Node resets a request with more than 128 header fields. In 64 KiB, which it takes at
  // most, there are fewer than these, so whoever answers decides.
  maxHeaderListPairs: 2000,
  // An answer's headers may be 64 KiB long, to which HTTP/2's own bound, of 64 KiB, adds 12 bytes for each name and each value.
  maxSendHeaderBlockLength: 128 * 1024,
};

/** A client's handshake costs the server ten times what it costs the client: one a connection, also in TLS 1.2. */
export const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION;

export interface TlsFiles {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface ApiServer {
  readonly serverFactory: FastifyServerFactory;
  /** Requests that it claims never reach the application. */
  divert(diversion: RequestDiversion): void;
  /** Ends idle connections now and busy ones after `graceMs`. */
  drain(graceMs: number): void;
  readonly strangers: Pick<Strangers, "counts">;
}

/** `limits`: what differs from STRANGER_LIMITS. */
export function createApiServer(tls?: TlsFiles, limits: Partial<StrangerLimits> = {}): ApiServer {
  const connections = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const strangers = new Strangers({ ...STRANGER_LIMITS, ...limits });
  let diversion: RequestDiversion | undefined;
  const serverFactory: FastifyServerFactory = (handler) => {
    // HTTP/2's compatibility objects have what Fastify uses of HTTP/1.1's.
    const listener = ((request: IncomingMessage, response: ServerResponse) => {
      if (request.httpVersionMajor === 1) {
        if (isLingering(request.socket)) return;
        lingerAfter(request, response, () => lingerLimitsOf(request));
      }
      strangers.takeTurn(request, response, () => {
        if (diversion?.claims(request) === true) diversion.serve(request, response);
        else handler(request, response);
      });
    }) as Listener;
    const parts = { listener, sessions, strangers };
    const server = tls === undefined ? cleartextServer(parts) : tlsServer(parts, tls);
    server.on("connection", (socket: Socket) => {
      connections.add(socket);
      socket.once("close", () => connections.delete(socket));
    });
    divertUpgrades(server, strangers, () => diversion);
    return server;
  };
  const drain = (graceMs: number) => {
    for (const session of sessions) session.close();
    const timer = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, graceMs);
    timer.unref();
  };
  const divert = (to: RequestDiversion) => {
    diversion = to;
  };
  return { serverFactory, divert, drain, strangers };
}

interface ServerParts {
  readonly listener: Listener;
  readonly sessions: Set<ServerHttp2Session>;
  readonly strangers: Strangers;
}

type Listener = NonNullable<Parameters<typeof createServer>[1] & Parameters<typeof createHttp2Server>[1]>;

/** An event has no order of precedence among its listeners: what is diverted must not come to be one. */
function divertUpgrades(
  server: Server,
  strangers: Strangers,
  diversion: () => RequestDiversion | undefined,
): void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...values: unknown[]) => {
    const [request, connection, head] = values as Parameters<RequestDiversion["upgrade"]>;
    if (event !== "upgrade") return emit(event, ...values);
    strangers.upgraded(request);
    if (diversion()?.claims(request) !== true) return emit(event, ...values);
    diversion()?.upgrade(request, connection, head);
    return true;
  };
}

function cleartextServer({ listener, sessions, strangers }: ServerParts): Server {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      // curl and others offer `Upgrade: h2c` on ordinary requests; these are answered as if they had not.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    },
    listener,
  );
  const http2 = createHttp2Server(HTTP2_OPTIONS, listener);
  trackSessions(http2, sessions, strangers);
  const serveHttp1 = takeConnections(server);
  server.on("connection", (socket: Socket) => {
    strangers.greet(socket);
    sniff(socket, (protocol, handOver) => {
      if (protocol === "http1") strangers.admitHttp1(socket, () => handOver(() => serveHttp1(socket)));
      else strangers.admit(socket, () => handOver(() => serveHttp2(http2, socket)));
    });
  });
  return server;
}

/** What the server does with a connection, which from now on it is given only when the returned function is called. */
function takeConnections(server: Server | Http2Server): (socket: Socket) => void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket);
  };
}

function serveHttp2(server: Http2Server, socket: Socket): void {
  // HTTP/1.1's listener lets clients close one half. HTTP/2 would not hear of it, and keep the streams of a client that left.
  socket.allowHalfOpen = false;
  server.emit("connection", socket);
}

function tlsServer({ listener, sessions, strangers }: ServerParts, tls: TlsFiles): Server {
  const server = createSecureServer(
    {
      cert: tls.cert,
      key: tls.key,
      secureOptions: SECURE_OPTIONS,
      allowHTTP1: true,
      ...HTTP2_OPTIONS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
    } as Parameters<typeof createSecureServer>[0],
    listener,
  );
  // Before the listener that begins HTTP/1.1 or HTTP/2 on it.
  server.prependListener("secureConnection", (socket: Socket) => strangers.secured(socket));
  trackSessions(server, sessions, strangers);
  const secure = takeConnections(server);
  server.on("connection", (socket: Socket) => {
    strangers.greet(socket);
    strangers.admit(socket, () => secure(socket));
  });
  return server as unknown as Server;
}

function trackSessions(
  server: Pick<Http2Server, "on">,
  sessions: Set<ServerHttp2Session>,
  strangers: Strangers,
): void {
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    strangers.guardSession(session);
    session.once("close", () => sessions.delete(session));
    // A peer that breaks the protocol or vanishes ends its own session, nothing more.
    session.on("error", () => session.destroy());
  });
}

/** Hands the socket to whoever is to serve it, when it is called. */
type HandOver = (serve: () => void) => void;

/** Reads until the protocol is clear, and gives the bytes back. */
function sniff(socket: Socket, decide: (protocol: Protocol, handOver: HandOver) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const onError = () => socket.destroy();
  const onEnd = () => socket.destroy();
  socket.setTimeout(HEADERS_TIMEOUT_MS, onEnd);
  const onData = (chunk: Buffer) => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    socket.off("data", onData).off("error", onError).off("end", onEnd);
    socket.setTimeout(0);
    socket.off("timeout", onEnd);
    socket.pause();
    socket.unshift(seen);
    decide(protocol, (serve) => {
      serve();
      // The new owner has its listeners now; without this it would wait for bytes that came already.
      process.nextTick(() => socket.resume());
    });
  };
  socket.on("data", onData).on("error", onError).on("end", onEnd);
}
