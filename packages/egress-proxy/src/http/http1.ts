/**
 * HTTP/1.1 of a guest: each request is parsed by Node's strict parser and written anew to the one server that the connection leads to, so
 * there is nothing between two requests that only one side sees.
 */
import { Agent, createServer, request as httpRequest, type ClientRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline, type Duplex } from "node:stream";
import { HELLO_MS, MAX_HEAD_BYTES, SILENCE_MS } from "../limits.ts";
import { BlockedSecret } from "../secrets/gate.ts";
import { refuseIn, replaceInHeaders, replaceInTarget } from "../secrets/replace-head.ts";
import { endToEnd, valueOf, withoutField } from "./fields.ts";
import { planBody, TooMuchHeld, wholeBody, type BodyPlan } from "./request-body.ts";
import { isForRoute, nameIn, type Route } from "./route.ts";
import { answerUpgrade } from "./upgrade.ts";

/** Told the host of the first request, where TLS has not said where a connection leads. Rejects where it may not go there. */
type RouteMaker = (authority: string | undefined) => Promise<Route>;

interface Front {
  readonly makeRoute: RouteMaker;
  route: Promise<Line> | undefined;
  /** Requests whose answer is not over. */
  open: number;
  /** The server has closed the connection: so do we, when the last answer is out. */
  isOver: boolean;
}

/** A route with the agent that keeps its one connection. */
interface Line extends Route {
  readonly agent: Agent;
}

const fronts = new WeakMap<Duplex, Front>();

const HEAD_MS = HELLO_MS * 2;

/** `headMs`: how long a head may take, from its first byte or that of its connection. */
export function makeHttp1Server(headMs = HEAD_MS): Server {
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: true,
    // Whoever has connected has said something already; and from then on the server decides how long it waits.
    headersTimeout: headMs,
    connectionsCheckingInterval: headMs / 4,
    requestTimeout: 0,
    keepAliveTimeout: SILENCE_MS,
  });
  server.maxHeadersCount = 0;
  server.on("request", (request, response) => void forward(request, response));
  server.on("checkContinue", (request, response) => void forward(request, response));
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(417).end();
  });
  server.on("connect", (_request: IncomingMessage, socket: Duplex) => refuseConnect(socket));
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, early: Buffer) => {
    void forwardUpgrade(request, socket, early);
  });
  server.on("clientError", (_error, socket: Duplex) => socket.destroy());
  // Node looks for heads that are late from here on. This one never listens; its timer holds nobody, and goes by `close`.
  server.emit("listening");
  return server;
}

const shared = makeHttp1Server();

export function serveHttp1(socket: Duplex, makeRoute: RouteMaker, server = shared): void {
  fronts.set(socket, { makeRoute, route: undefined, open: 0, isOver: false });
  server.emit("connection", socket);
  // Whoever listened first has left it standing still.
  socket.resume();
}

/** What is inside of such a tunnel could go anywhere. */
function refuseConnect(socket: Duplex): void {
  socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { socket } = request;
  response.on("error", () => undefined);
  const front = fronts.get(socket);
  if (front === undefined) return void socket.destroy();
  front.open += 1;
  response.once("close", () => {
    front.open -= 1;
    if (front.isOver && front.open === 0) socket.end();
  });
  let line: Line | undefined;
  let sent: ClientRequest | undefined;
  try {
    line = await lineOf(front, socket, request.headers.host);
    if (!isForRoute(line, request.headers.host)) return answer(response, 421, "another server's request");
    // An answer that repeats the request would tell the guest what was put into it.
    if (request.method === "TRACE") return answer(response, 405, "TRACE is not passed on");
    const plan = planOf(line, request);
    const body = plan.kind === "whole" ? await wholeBody(request, line.finder, plan.place) : undefined;
    sent = send(line, request, body?.length);
    relayAnswer(sent, socket, response);
    sendBody({ line, socket, request, sent }, plan, body);
  } catch (error) {
    sent?.destroy();
    fail(line, socket, request, response, error);
  }
}

function lineOf(front: Front, socket: Duplex, authority: string | undefined): Promise<Line> {
  front.route ??= front.makeRoute(authority).then((route) => {
    const { upstream } = route;
    upstream.once("close", () => {
      front.isOver = true;
      if (front.open === 0) socket.end();
    });
    socket.once("close", () => upstream.destroy());
    return { ...route, agent: agentOf(upstream) };
  });
  return front.route;
}

/** Of one connection that is there already; a second there is not, as nobody has asked for it. */
function agentOf(upstream: Duplex): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
  let isGiven = false;
  agent.createConnection = (_options, done) => {
    if (isGiven || upstream.destroyed) {
      done?.(new Error("the server has closed the connection"), upstream);
      return undefined;
    }
    isGiven = true;
    return upstream;
  };
  return agent;
}

function planOf({ finder }: Route, { headers, rawHeaders }: IncomingMessage): BodyPlan {
  const length = headers["content-length"];
  const isChunked = headers["transfer-encoding"] !== undefined;
  return planBody(
    finder,
    {
      contentType: headers["content-type"] ?? "",
      contentEncoding: valueOf(rawHeaders, "content-encoding"),
      length: isChunked ? undefined : Number(length ?? 0),
    },
    "http1",
  );
}

/** Throws a BlockedSecret. `length`: of a body that has become another. */
function headOf(
  line: Line,
  request: IncomingMessage,
  length: number | undefined,
): { path: string; headers: string[] } {
  const path = replaceInTarget(request.url ?? "/", line.finder);
  const fields = replaceInHeaders(endToEnd(request.rawHeaders), line.finder);
  const headers = length === undefined ? fields : [...withoutField(fields, "content-length")];
  if (length !== undefined) headers.push("Content-Length", `${length}`);
  if (request.headers["transfer-encoding"] !== undefined) headers.push("Transfer-Encoding", "chunked");
  return { path, headers };
}

function send(line: Line, request: IncomingMessage, length: number | undefined): ClientRequest {
  const { path, headers } = headOf(line, request, length);
  const takesTrailers = /\btrailers\b/.test(valueOf(request.rawHeaders, "te"));
  return open(line, request, path, [
    ...headers,
    ...(takesTrailers ? ["TE", "trailers", "Connection", "keep-alive, TE"] : ["Connection", "keep-alive"]),
  ]);
}

function open(line: Line, request: IncomingMessage, path: string, headers: string[]): ClientRequest {
  const sent = httpRequest({
    agent: line.agent,
    method: request.method ?? "GET",
    path,
    headers,
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEAD_BYTES,
  });
  sent.maxHeadersCount = 0;
  return sent;
}

/** A request on its way. Its guest's socket is kept beside it, as Node takes it from a request that broke off. */
interface Passage {
  readonly line: Line;
  readonly socket: Duplex;
  readonly request: IncomingMessage;
  readonly sent: ClientRequest;
}

function sendBody({ line, socket, request, sent }: Passage, plan: BodyPlan, body: Buffer | undefined): void {
  if (body !== undefined) return void sent.end(body);
  const done = (error?: Error | null): void => {
    if (error === undefined || error === null) return;
    if (error instanceof BlockedSecret) line.blocked(error, line.name ?? "");
    socket.destroy();
    line.upstream.destroy();
  };
  const finish = (): void => {
    try {
      refuseIn(request.rawTrailers, line.finder);
      const trailers = [...pairs(request.rawTrailers)];
      if (trailers.length > 0) sent.addTrailers(trailers);
    } catch (error) {
      done(error as Error);
    }
  };
  request.once("end", finish);
  if (plan.kind === "through") pipeline(request, plan.through(), sent, done);
  else pipeline(request, sent, done);
}

function* pairs(raw: readonly string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? "", raw[index + 1] ?? ""];
}

/** Half an answer must not look like a whole one: then the guest's connection breaks off as the server's did. */
function relayAnswer(sent: ClientRequest, socket: Duplex, response: ServerResponse): void {
  const breakOff = (): void => void socket.destroy();
  sent.on("error", breakOff);
  sent.on("continue", () => response.writeContinue());
  response.sendDate = false;
  sent.once("response", (answered) => {
    response.writeHead(
      answered.statusCode ?? 502,
      answered.statusMessage ?? "",
      endToEnd(answered.rawHeaders),
    );
    answered.once("end", () => {
      const trailers = [...pairs(answered.rawTrailers)];
      if (trailers.length > 0) response.addTrailers(trailers);
    });
    pipeline(answered, response, (error) => {
      if (error !== undefined && error !== null) breakOff();
    });
  });
  sent.once("upgrade", breakOff);
}

function answer(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  response.writeHead(status, {
    "content-type": "text/plain",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  response.end(body);
}

function fail(
  line: Line | undefined,
  socket: Duplex,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  if (error instanceof BlockedSecret) {
    line?.blocked(error, line.name ?? nameIn(request.headers.host) ?? "");
    if (!response.headersSent) return answer(response, 403, `${error.message}: ${error.reason}`);
  } else if (error instanceof TooMuchHeld && !response.headersSent) {
    return answer(response, 503, error.message);
  }
  socket.destroy();
}

async function forwardUpgrade(request: IncomingMessage, socket: Duplex, early: Buffer): Promise<void> {
  const front = fronts.get(socket);
  socket.on("error", () => undefined);
  if (front === undefined) return void socket.destroy();
  front.open += 1;
  let line: Line | undefined;
  try {
    line = await lineOf(front, socket, request.headers.host);
    if (!isForRoute(line, request.headers.host)) return void socket.destroy();
    const { path, headers } = headOf(line, request, undefined);
    const asked = request.headers.upgrade ?? "";
    const sent = open(line, request, path, [...headers, "Connection", "Upgrade", "Upgrade", asked]);
    answerUpgrade(sent, socket, early);
    sent.end();
  } catch (error) {
    if (error instanceof BlockedSecret) line?.blocked(error, line.name ?? "");
    socket.destroy();
  }
}
