/** A request to a service that speaks HTTP/2 in cleartext, on a session of its own: one stream, so that no other can stall it. */
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Duplex } from "node:stream";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { RawHeaders } from "../headers/hop-by-hop.ts";
import type { OutgoingRequest } from "../headers/request-headers.ts";
import { asHttp2 } from "../headers/response-headers.ts";
import { HTTP2_SESSION_WINDOW_BYTES, HTTP2_WINDOW_BYTES, MAX_HTTP2_HEADERS } from "../limits.ts";
import { closeSoon } from "./close-soon.ts";
import { isBodiless, StreamReset, type BackendAnswer, type BackendCall } from "./call.ts";
import { badAnswer } from "./call-http1.ts";

/** For a reset to reach the service. */
const LAST_FRAMES_MS = 1000;

/** Throws a ProxyError when the request cannot be written. */
export function callHttp2(connection: Duplex, request: OutgoingRequest): BackendCall {
  const session = openSession(connection);
  const stream = openStream(session, request);
  const { promise: answer, resolve, reject } = Promise.withResolvers<BackendAnswer>();
  answer.catch(() => undefined);
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= isReset(stream) ? new StreamReset(stream.rstCode ?? 0) : badAnswer(error);
    reject(failure);
  };
  const failureNow = () => {
    fail(new Error("its answer broke off"));
    return failure ?? badAnswer(new Error());
  };
  let requestTrailers: RawHeaders | undefined;
  stream.once("response", (headers: { readonly ":status"?: number }, flags: number, raw: RawHeaders) => {
    const status = headers[":status"] ?? 502;
    const isEmpty = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0 || isBodiless(request.method, status);
    resolve(answerOf(stream, status, raw, isEmpty, failureNow));
  });
  // Node ends a stream before it resets it, which would make half a body look whole; without its trailers it has no end.
  stream.once("wantTrailers", () => {
    if (requestTrailers !== undefined) stream.sendTrailers(asHttp2(requestTrailers));
  });
  session.on("error", fail);
  stream.on("error", fail);
  stream.once("close", () => fail(new Error("it closed the stream")));
  return {
    body: stream,
    answer,
    finish: (trailers) => {
      requestTrailers = trailers;
      stream.end();
    },
    close: () => end(session, stream, connection, constants.NGHTTP2_NO_ERROR),
    destroy: (code = constants.NGHTTP2_CANCEL) => end(session, stream, connection, code),
  };
}

function openSession(connection: Duplex): ClientHttp2Session {
  const session = connect("http://service", {
    createConnection: () => connection,
    settings: { enablePush: false, initialWindowSize: HTTP2_WINDOW_BYTES },
    maxHeaderListPairs: MAX_HTTP2_HEADERS,
  });
  session.once("connect", () => session.setLocalWindowSize(HTTP2_SESSION_WINDOW_BYTES));
  return session;
}

function openStream(session: ClientHttp2Session, request: OutgoingRequest): ClientHttp2Stream {
  const { method, path, host, headers, body, takesTrailers } = request;
  const fields: OutgoingHttpHeaders = {
    ":method": method,
    ":path": path,
    ":authority": host,
    ":scheme": "http",
    ...asHttp2(headers.flat()),
    ...(body.kind === "length" ? { "content-length": body.bytes } : {}),
    ...(takesTrailers ? { te: "trailers" } : {}),
  };
  try {
    return session.request(fields, {
      endStream: body.kind === "none",
      waitForTrailers: body.kind !== "none",
    });
  } catch (error) {
    session.destroy();
    throw new ProxyError("invalid_request", error instanceof Error ? error.message : "", { cause: error });
  }
}

/** A reset that says something; closing without a word has other reasons. */
function isReset(stream: ClientHttp2Stream): boolean {
  const { rstCode } = stream;
  return rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR;
}

function answerOf(
  stream: ClientHttp2Stream,
  status: number,
  headers: RawHeaders,
  isEmpty: boolean,
  failure: () => Error,
): BackendAnswer {
  let trailers: RawHeaders = [];
  stream.once("trailers", (_headers: unknown, _flags: number, raw: RawHeaders) => {
    trailers = raw;
  });
  return {
    status,
    statusText: "",
    headers,
    isEmpty,
    body: stream,
    isWhole: () => !stream.aborted && !isReset(stream),
    trailers: () => trailers,
    failure,
  };
}

/** A reset is sent before the connection goes, so that the service knows why. */
function end(session: ClientHttp2Session, stream: ClientHttp2Stream, connection: Duplex, code: number): void {
  if (!stream.closed) stream.close(code);
  session.close(() => closeSoon(connection));
  // A session that does not come to its end must not hold its connection.
  setTimeout(() => session.destroy(), LAST_FRAMES_MS).unref();
}
