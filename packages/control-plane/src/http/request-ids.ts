/** Gives every request a name, which its answer, its error and each log line that it causes carry. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingHttpHeaders, OutgoingHttpHeader } from "node:http";
import { REQUEST_ID_HEADER, requestIdOf } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Log } from "../log.ts";

/** Options for Fastify, whose `request.id` it is then. */
export const REQUEST_ID_OPTIONS = {
  requestIdHeader: false,
  genReqId: ({ headers }: { headers: IncomingHttpHeaders }) => requestIdOf(headers[REQUEST_ID_HEADER]),
} as const;

interface Answer {
  getHeader(name: string): OutgoingHttpHeader | undefined;
  setHeader(name: string, value: string): unknown;
}

const current = new AsyncLocalStorage<string>();

/** For an answer that Fastify does not write. The id that it has already, else a client's or a new one. */
export function nameAnswer(headers: IncomingHttpHeaders, answer: Answer): string {
  const known = answer.getHeader(REQUEST_ID_HEADER);
  if (typeof known === "string") return known;
  const id = requestIdOf(headers[REQUEST_ID_HEADER]);
  answer.setHeader(REQUEST_ID_HEADER, id);
  return id;
}

/** Call before other hooks are added. The header is on the raw answer, so that those which bypass Fastify have it too. */
export function nameRequests(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    current.run(request.id, done);
  });
}

/** Lines that are written while a request is served, or by what it began, say which. */
export function namingRequests(log: Log): Log {
  const named = (fields: object): object => {
    const requestId = current.getStore();
    return requestId === undefined ? fields : { requestId, ...fields };
  };
  return {
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
  };
}

/** For what is not Fastify's: what `serve` does is done in the name of the request. */
export function inNameOf<T>(requestId: string, serve: () => T): T {
  return current.run(requestId, serve);
}
