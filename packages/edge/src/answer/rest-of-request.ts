/**
 * What is left of a request that is answered before it was read to its end. It is read for a while: closing at once would reset the
 * connection, and the client might lose the answer.
 */
import { ServerResponse } from "node:http";
import { http2StreamOf, type ClientRequest, type ClientResponse } from "../client-request.ts";

/** Node closes a connection that is not kept as soon as the answer has ended, so the end waits. The answer itself is with the client. */
export async function beforeEnd(
  request: ClientRequest,
  response: ClientResponse,
  lingerMs: number,
): Promise<void> {
  if (!(response instanceof ServerResponse) || response.shouldKeepAlive || request.complete) return;
  await restRead(request, lingerMs);
}

/** On a connection that is kept, and after the answer's end. */
export function afterEnd(request: ClientRequest, lingerMs: number): void {
  if (request.complete) return;
  const stream = http2StreamOf(request);
  if (stream === undefined) void restRead(request, lingerMs);
  // NO_ERROR: the answer is whole, the rest is not needed.
  else stream.close(0);
}

/** Resolves when the request has ended; a client that takes too long loses its connection. */
function restRead(request: ClientRequest, lingerMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => request.socket.destroy(), lingerMs);
  const stop = () => {
    clearTimeout(timer);
    resolve();
  };
  request.on("error", () => undefined);
  request.once("end", stop).once("close", stop).resume();
  return promise;
}
