/** Serves one operation of the contract's table: its path, its checks, its authentication. */
import type { BodyOf, Operation } from "@fastvm/contract";
import { OPERATIONS, type OperationId } from "@fastvm/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { dialectOf, type Dialect } from "../fastvm/firewall/render.ts";
import type { Caller } from "../../engine/caller.ts";
import type { Records } from "../../store/records.ts";
import { authenticate } from "./authenticate.ts";

type ParameterOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never;

export interface Call<Id extends OperationId> {
  readonly body: BodyOf<Id>;
  readonly params: Readonly<Record<ParameterOf<(typeof OPERATIONS)[Id]["path"]>, string>>;
  readonly query: Readonly<Record<string, string | string[]>>;
  /** The dialect of firewalls that the client understands. */
  readonly dialect: Dialect;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The handler wrote the answer itself. */
export const ANSWERED = Symbol("answered");

type Handled = Promise<Answer | typeof ANSWERED>;

/** For operations that need a key. */
export function serve<Id extends OperationId>(
  app: FastifyInstance,
  records: Records,
  id: Id,
  handle: (call: Call<Id>, caller: Caller) => Handled,
): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  register(app, id, {
    // Before the body is read: a stranger does not get to send 24 MiB.
    onRequest: async (request) => {
      callers.set(request, await authenticate(records, request));
    },
    handle: (call) => {
      const caller = callers.get(call.request);
      if (caller === undefined) throw new Error("a handler ran without authentication");
      return handle(call, caller);
    },
  });
}

/** For operations that anyone may call. */
export function serveOpen<Id extends OperationId>(
  app: FastifyInstance,
  id: Id,
  handle: (call: Call<Id>) => Handled,
): void {
  register(app, id, { onRequest: () => Promise.resolve(), handle });
}

function register<Id extends OperationId>(
  app: FastifyInstance,
  id: Id,
  parts: { onRequest: (request: FastifyRequest) => Promise<void>; handle: (call: Call<Id>) => Handled },
): void {
  const operation: Operation = OPERATIONS[id];
  app.route({
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    schema: {
      ...(operation.body === undefined ? {} : { body: operation.body }),
      ...(operation.query === undefined ? {} : { querystring: operation.query }),
    },
    onRequest: parts.onRequest,
    handler: async (request, reply) => {
      const answer = await parts.handle({
        body: request.body as BodyOf<Id>,
        params: request.params as Call<Id>["params"],
        query: request.query as Call<Id>["query"],
        dialect: dialectOf(request.headers),
        request,
        reply,
      });
      if (answer === ANSWERED) return reply;
      return reply.code(answer.status).send(answer.body);
    },
  });
}
