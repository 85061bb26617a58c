/** A request to a service that speaks HTTP/1.1, on a connection of its own. Node's parser, in its strict mode, judges the answer. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { OutgoingRequest } from "../headers/request-headers.ts";
import { closeSoon } from "./close-soon.ts";
import type { BackendAnswer, BackendCall } from "./call.ts";

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
  const framing =
    body.kind === "length"
      ? ["Content-Length", body.bytes]
      : body.kind === "chunked"
        ? ["Transfer-Encoding", "chunked"]
        : [];
  try {
    return httpRequest({
      createConnection: () => connection,
      method,
      path,
      // A list, so that names are written as the client wrote them, and as often.
      headers: ["Host", host, ...headers.flat(), ...framing, ...connectionHeaders],
      insecureHTTPParser: false,
    });
  } catch (error) {
    connection.destroy();
    throw new ProxyError("invalid_request", error instanceof Error ? error.message : "", { cause: error });
  }
}

export function badAnswer(error: Error): ProxyError {
  return new ProxyError("service_bad_answer", error.message, { cause: error });
}

/**
 * The connection serves one request, but the service is not told: many that are told to close do so with the request half read, and the reset takes
 * their answer with it.
 */
function kept({ takesTrailers }: OutgoingRequest): readonly string[] {
  return takesTrailers ? ["TE", "trailers", "Connection", "keep-alive, TE"] : ["Connection", "keep-alive"];
}

export function answerOf(message: IncomingMessage, method: string): BackendAnswer {
  const status = message.statusCode ?? 502;
  const isBodiless = method === "HEAD" || status === 204 || status === 304;
  let failure: Error | undefined;
  message.on("error", (error) => {
    failure = error;
  });
  return {
    status,
    statusText: message.statusMessage ?? "",
    headers: message.rawHeaders,
    isEmpty: isBodiless || message.headers["content-length"] === "0",
    body: message,
    isWhole: () => message.complete,
    trailers: () => message.rawTrailers,
    failure: () => badAnswer(failure ?? new Error("its answer broke off")),
  };
}
