/** A client's request and its answer, in HTTP/1.1 or HTTP/2: both of Node's kinds have what the proxy uses. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type ClientRequest = IncomingMessage | Http2ServerRequest;
export type ClientResponse = ServerResponse | Http2ServerResponse;

/** The HTTP/2 stream of a request or an answer, if it has one. */
export function http2StreamOf(message: ClientRequest | ClientResponse) {
  return "stream" in message ? message.stream : undefined;
}
