/** Takes requests that came to the API's port but are not for the API, before it sees them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Duplex } from "node:stream";

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

export interface RequestDiversion {
  claims(request: AnyRequest): boolean;
  /** Answers a request that it claims. */
  serve(request: AnyRequest, response: AnyResponse): void;
  /** Takes over the connection of a request to upgrade that it claims. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void;
}
