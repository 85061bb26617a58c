/** A request to a service that speaks HTTP/1.1, on a connection of its own. Node's parser, in its strict mode, judges the answer. */
import { request as httpRequest, STATUS_CODES, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { OutgoingRequest, RequestBody } from "../headers/request-headers.ts";
import { MAX_ANSWER_HEADER_BYTES } from "../limits.ts";
import { closeSoon } from "./close-soon.ts";
import { isBodiless, type BackendAnswer, type BackendCall } from "./call.ts";

/** Throws a ProxyError when the request cannot be written. */
export function callHttp1(connection: Duplex, request: OutgoingRequest): BackendCall {
  const sent = sendHttp1(connection, request, kept(request));
  const { promise: answer, resolve, reject } = Promise.withResolvers<BackendAnswer>();
  answer.catch(() => undefined);
  sent.once("response", (message: IncomingMessage) => resolve(answerOf(message, request.method)));
  sent.on("error", (error) => reject(badAnswer(error)));
  sent.once("close", () => reject(badAnswer(new Error("it closed the connection"))));
  return {
    body: sent,
    answer,
    finish: () => sent.end(),
    close: () => closeSoon(connection),
    destroy: () => {
      sent.destroy();
      connection.destroy();
    },
  };
}

/** Writes the head of the request, with the connection's own headers as given. */
export function sendHttp1(
  connection: Duplex,
  { method, path, host, headers, body }: OutgoingRequest,
  connectionHeaders: readonly string[],
): ClientRequest {
  try {
    const sent = httpRequest({
      createConnection: () => connection,
      method,
      path,
      // A list, so that names are written as the client wrote them, and as often.
      headers: ["Host", host, ...headers.flat(), ...framing(method, body), ...connectionHeaders],
      insecureHTTPParser: false,
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
    });
    // Their size is bound enough: Node would drop those beyond 1,000 without a word.
    sent.maxHeadersCount = 0;
    return sent;
  } catch (error) {
    connection.destroy();
    throw new ProxyError("invalid_request", error instanceof Error ? error.message : "", { cause: error });
  }
}

/** Any other usually has a body: services want to hear that there is none, and Node would say that it comes in chunks. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

function framing(method: string, body: RequestBody): readonly string[] {
  if (body.kind === "length") return ["Content-Length", body.bytes];
  if (body.kind === "chunked") return ["Transfer-Encoding", "chunked"];
  return WITHOUT_BODY.has(method) ? [] : ["Content-Length", "0"];
}

export function badAnswer(error: Error): ProxyError {
  return new ProxyError("service_bad_answer", error.message, { cause: error });
}

/**
 * The connection serves one request, but the service is not told: many that are told to
 * close do so with the request half read, and the reset takes their answer with it.
 */
function kept({ takesTrailers }: OutgoingRequest): readonly string[] {
  return takesTrailers ? ["TE", "trailers", "Connection", "keep-alive, TE"] : ["Connection", "keep-alive"];
}

export function answerOf(message: IncomingMessage, method: string): BackendAnswer {
  const status = message.statusCode ?? 502;
  let failure: Error | undefined;
  message.on("error", (error) => {
    failure = error;
  });
  return {
    status,
    statusText: reasonOf(status, message.statusMessage ?? ""),
    headers: message.rawHeaders,
    isEmpty: isBodiless(method, status) || message.headers["content-length"] === "0",
    body: message,
    isWhole: () => message.complete,
    trailers: () => message.rawTrailers,
    failure: () => badAnswer(failure ?? new Error("its answer broke off")),
  };
}

/** Node's parser lets control characters through that it does not write. */
function reasonOf(status: number, written: string): string {
  return /[^\t\x20-\x7e\x80-\xff]/.test(written) ? (STATUS_CODES[status] ?? "") : written;
}
