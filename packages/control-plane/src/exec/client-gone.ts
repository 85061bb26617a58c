import type { FastifyReply } from "fastify";

/** A signal that fires when the connection closes before the answer was complete. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableEnded) controller.abort(new Error("the client went away"));
  });
  return controller.signal;
}
