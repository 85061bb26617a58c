import type { FastifyReply } from "fastify";

/** What the signal aborts with: neither a bug nor news, and nobody is there to be answered. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}

/** A signal that fires when the connection closes before the answer was complete. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableEnded) controller.abort(new ClientGoneError("the client went away"));
  });
  return controller.signal;
}
