/** Bodies that are bytes, of any number, and are read by whoever writes them on. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { ClientGoneError } from "./client-gone.ts";

/** A client that breaks off is neither a bug nor news. */
export async function* bodyOf({ raw }: FastifyRequest): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of raw) yield chunk as Uint8Array;
  } catch (error) {
    throw new ClientGoneError("the client went away in the middle of a file", { cause: error });
  }
}

/** What is left of a file that is refused is dropped unread. HTTP/2 has its own way of saying so. */
export function leaveUnread({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.httpVersionMajor === 1 && !raw.complete) void reply.header("connection", "close");
}
