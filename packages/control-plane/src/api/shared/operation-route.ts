/** Serves operations of an API's table: their paths, their checks, their authentication. */
import { FastvmError, scopeOf, type Operation, type OperationBody } from "@fastvm/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { Caller, Engine } from "../../engine/engine.ts";
import type { ApiDialect, OperationTable } from "./api-dialect.ts";
import { authenticate } from "./authenticate.ts";

type ParameterOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never;

interface Call<Of extends Operation> {
  readonly body: OperationBody<Of>;
  readonly params: Readonly<Record<ParameterOf<Of["path"]>, string>>;
  readonly query: Readonly<Record<string, string | string[]>>;
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
type Id<Table> = keyof Table & string;

interface OperationRoutesOptions<Table extends OperationTable, Noticed extends object> {
  readonly scope: FastifyInstance;
  readonly keys: Pick<Engine["keys"], "holderOf">;
  readonly dialect: Pick<ApiDialect, "name" | "presentedKey">;
  readonly operations: Table;
  /** What else of a request the API's handlers are given. */
  readonly notice: (request: FastifyRequest) => Noticed;
}

export class OperationRoutes<Table extends OperationTable, Noticed extends object> {
  readonly #options: OperationRoutesOptions<Table, Noticed>;

  constructor(options: OperationRoutesOptions<Table, Noticed>) {
    this.#options = options;
  }

  /** For operations that need a key. */
  serve<Name extends Id<Table>>(
    name: Name,
    handle: (call: Call<Table[Name]> & Noticed, caller: Caller) => Handled,
  ): void {
    const { dialect, keys, operations } = this.#options;
    const operation: Table[Name] = operations[name];
    const needed = scopeOf(operation);
    const callers = new WeakMap<FastifyRequest, Caller>();
    this.#register(name, {
      // Before the body is read: a stranger does not get to send 24 MiB.
      onRequest: async (request, reply) => {
        callers.set(request, await authenticate(dialect, keys, needed, request, reply));
      },
      handle: (call) => {
        const caller = callers.get(call.request);
        if (caller === undefined) throw new Error("a handler ran without authentication");
        return orNotFound(call.params, () => handle(call, caller));
      },
    });
  }

  /** For operations that anyone may call. */
  serveOpen<Name extends Id<Table>>(
    name: Name,
    handle: (call: Call<Table[Name]> & Noticed) => Handled,
  ): void {
    this.#register(name, { onRequest: () => Promise.resolve(), handle });
  }

  #register<Name extends Id<Table>>(
    name: Name,
    parts: {
      readonly onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
      readonly handle: (call: Call<Table[Name]> & Noticed) => Handled;
    },
  ): void {
    const { scope, operations, notice, dialect } = this.#options;
    const operation: Table[Name] = operations[name];
    const route: RouteOptions = {
      method: operation.method,
      config: {
        operation: {
          api: dialect.name,
          name,
          isInVm: scopeOf(operation) === "run",
          isProbe: operation.tag === "Health",
        },
      },
      url: operation.path.replaceAll(/\{(\w+)\}/g, ":$1"),
      schema: {
        ...(operation.body === undefined ? {} : { body: operation.body }),
        ...(operation.query === undefined ? {} : { querystring: operation.query }),
      },
      onRequest: parts.onRequest,
      handler: async (request, reply) => {
        const call: Call<Table[Name]> = {
          body: request.body as Call<Table[Name]>["body"],
          params: request.params as Call<Table[Name]>["params"],
          query: request.query as Call<Table[Name]>["query"],
          request,
          reply,
        };
        const answer = await parts.handle({ ...call, ...notice(request) });
        if (answer === ANSWERED) return reply;
        return reply.code(answer.status).send(answer.body);
      },
    };
    if (operation.bytes === "request") serveUnread(scope, route);
    else scope.route(route);
  }
}

/** PostgreSQL takes no text with a zero byte, not even to look for it; no id or name of ours has one. */
async function orNotFound<Result>(
  params: Readonly<Record<string, string>>,
  handle: () => Promise<Result>,
): Promise<Result> {
  try {
    return await handle();
  } catch (error) {
    const field = Object.keys(params).find((name) => params[name]?.includes("\0"));
    const isTold = error instanceof FastvmError && error.code !== "internal";
    if (field === undefined || isTold) throw error;
    throw new FastvmError("not_found", "no id and no name has a zero byte", { field, cause: error });
  }
}

/** In a scope of its own, where bodies are left to the handler: they may be gigabytes, and are not JSON. */
function serveUnread(scope: FastifyInstance, route: RouteOptions): void {
  void scope.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
    own.route(route);
  });
}
