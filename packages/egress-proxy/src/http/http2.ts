/** HTTP/2 of a guest: a session with it, a session with the server, and a stream here for each there. */
import {
  connect,
  constants,
  performServerHandshake,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { pipeline, type Duplex } from "node:stream";
import { MAX_HEAD_BYTES, MAX_HEADER_PAIRS, MAX_STREAMS } from "../limits.ts";
import { BlockedSecret } from "../secrets/gate.ts";
import { refuseIn, replaceInHeaders, replaceInTarget } from "../secrets/replace-head.ts";
import { planBody } from "./request-body.ts";
import { isForRoute, type Route } from "./route.ts";

const SETTINGS = { enablePush: false, maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEAD_BYTES };
/** Of HTTP/1.1, and not allowed here; a client that sends them means to confuse. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

type Fields = IncomingHttpHeaders;

export function serveHttp2(socket: Duplex, route: Route): void {
  const upstream = connect(`https://${route.name ?? "server"}`, {
    createConnection: () => route.upstream,
    settings: SETTINGS,
    maxHeaderListPairs: MAX_HEADER_PAIRS,
  });
  const guest = performServerHandshake(socket, { settings: SETTINGS, maxHeaderListPairs: MAX_HEADER_PAIRS });
  guest.on("stream", (stream, headers, flags) => {
    stream.on("error", () => undefined);
    const endsHere = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    try {
      forward(route, upstream, stream, headers, endsHere);
    } catch (error) {
      refuse(route, stream, error);
    }
  });
  const end = (): void => {
    guest.destroy();
    upstream.destroy();
  };
  guest.on("error", end).once("close", end);
  upstream.on("error", end).once("close", end);
  // Streams that are open go to their end on both sides.
  upstream.once("goaway", () => guest.close());
  guest.once("goaway", () => upstream.close());
}

function forward(
  route: Route,
  upstream: ClientHttp2Session,
  stream: ServerHttp2Stream,
  headers: Fields,
  endsHere: boolean,
): void {
  const authority = headers[":authority"] ?? headers.host;
  const method = headers[":method"] ?? "GET";
  if (!isForRoute(route, authority)) return answer(stream, 421, "another server's request");
  if (method === "CONNECT") return answer(stream, 403, "tunnels are not passed on");
  if (method === "TRACE") return answer(stream, 405, "TRACE is not passed on");
  const fields = replaceInFields(route, headers);
  const sent = upstream.request(
    {
      ":method": method,
      ":scheme": "https",
      ":authority": authority ?? route.name ?? "",
      ":path": replaceInTarget(headers[":path"] ?? "/", route.finder),
      ...fields,
    },
    { endStream: endsHere, waitForTrailers: !endsHere },
  );
  relayBody(route, stream, sent, headers, endsHere);
  relayAnswer(stream, sent);
}

/** Throws a BlockedSecret. */
function replaceInFields({ finder }: Route, headers: Fields): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || name === "host" || value === undefined) continue;
    if (FORBIDDEN.has(name)) throw new TypeError(`${name} is not a field of HTTP/2`);
    const values = (Array.isArray(value) ? value : [value]).map(
      (text) => replaceInHeaders([name, text], finder)[1] ?? "",
    );
    fields[name] = values.length === 1 ? values[0] : values;
  }
  return fields;
}

function relayBody(
  route: Route,
  stream: ServerHttp2Stream,
  sent: ClientHttp2Stream,
  headers: Fields,
  endsHere: boolean,
): void {
  if (endsHere) return;
  let trailers: OutgoingHttpHeaders = {};
  stream.once("trailers", (fields: Fields) => {
    trailers = fields;
  });
  sent.once("wantTrailers", () => {
    try {
      refuseIn(
        Object.entries(trailers).flatMap(([name, value]) => [name, String(value)]),
        route.finder,
      );
      sent.sendTrailers(trailers);
    } catch (error) {
      refuse(route, stream, error);
      sent.close(constants.NGHTTP2_CANCEL);
    }
  });
  const traits = {
    contentType: headers["content-type"] ?? "",
    contentEncoding: (headers["content-encoding"] ?? "").toLowerCase(),
    length: undefined,
  };
  const plan = planBody(route.finder, traits, "http2");
  const done = (error?: Error | null): void => {
    if (error === undefined || error === null) return;
    if (error instanceof BlockedSecret) refuse(route, stream, error);
    sent.close(constants.NGHTTP2_CANCEL);
  };
  if (plan.kind === "through") pipeline(stream, plan.through(), sent, done);
  else pipeline(stream, sent, done);
}

function relayAnswer(stream: ServerHttp2Stream, sent: ClientHttp2Stream): void {
  sent.on("headers", (headers: Fields) => {
    if (!stream.headersSent && !stream.destroyed) stream.additionalHeaders(headers);
  });
  sent.once("response", (headers: Fields, flags: number) => {
    if (stream.destroyed || stream.headersSent) {
      sent.close(constants.NGHTTP2_CANCEL);
      return;
    }
    const isEmpty = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond(headers, { endStream: isEmpty, waitForTrailers: !isEmpty });
    if (isEmpty) return;
    let trailers: OutgoingHttpHeaders = {};
    sent.once("trailers", (fields: Fields) => {
      trailers = fields;
    });
    // Without its trailers a stream has no end: one that breaks off must not look whole.
    stream.once("wantTrailers", () => {
      if (sent.rstCode === constants.NGHTTP2_NO_ERROR || sent.rstCode === undefined)
        stream.sendTrailers(trailers);
      else stream.close(sent.rstCode);
    });
    sent.pipe(stream);
  });
  sent.on("error", () => undefined);
  sent.once("close", () => {
    const code = sent.rstCode ?? constants.NGHTTP2_NO_ERROR;
    if (code !== constants.NGHTTP2_NO_ERROR && !stream.closed) stream.close(code);
    else if (!stream.headersSent && !stream.closed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  });
  stream.once("close", () => {
    const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    if (!sent.closed) sent.close(code === constants.NGHTTP2_NO_ERROR ? constants.NGHTTP2_CANCEL : code);
  });
}

function answer(stream: ServerHttp2Stream, status: number, text: string): void {
  if (stream.destroyed || stream.headersSent) return stream.close(constants.NGHTTP2_CANCEL);
  stream.respond({ ":status": status, "content-type": "text/plain" });
  stream.end(`${text}\n`);
}

function refuse(route: Route, stream: ServerHttp2Stream, error: unknown): void {
  if (error instanceof BlockedSecret) {
    route.blocked(error, route.name ?? "");
    answer(stream, 403, `${error.message}: ${error.reason}`);
  } else stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
}
