/**
 * Writes down each request with a key that is no mere question, of whichever API: before its answer leaves, but for what changes nothing
 * outside its VM, which is written soon after; whoever has the answer finds the entry. Also what failed or was refused. The change itself
 * is made already; where the entry cannot be written it stands all the same, and the log says so.
 */
import type { ApiName } from "@fastvm/contract";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Caller, Engine } from "../../engine/engine.ts";
import type { Log } from "../../log.ts";
import { subjectOf } from "./audit-subject.ts";

const MAX_PATH_LENGTH = 512;
/** Of an answer, what may stand in an entry: names of fields that are never secret, whatever API answers. */
const OF_ANSWER = [
  "id",
  "name",
  "status",
  "api",
  "scopes",
  "kind",
  "sizeGib",
  "machineType",
  "vmId",
  "expiresAt",
];

type Before = Awaited<ReturnType<Engine["audit"]["stateOf"]>>;

const callers = new WeakMap<FastifyRequest, Caller>();

/** Of a request whose key was found, whether it may ask for this or not. */
export function rememberCaller(request: FastifyRequest, { orgId, keyId }: Caller): void {
  callers.set(request, { orgId, keyId });
}

export function callerOf(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** Call before routes are added. */
export function auditChanges(app: FastifyInstance, audit: Engine["audit"], log: Log): void {
  const addresses = new WeakMap<FastifyRequest, string>();
  const befores = new WeakMap<FastifyRequest, Before>();
  const written = new WeakSet<FastifyRequest>();

  const write = async (request: FastifyRequest, status: number, answer: unknown): Promise<void> => {
    const caller = callers.get(request);
    const { operation } = request.routeOptions.config;
    if (caller === undefined || operation === undefined || request.method === "GET") return;
    if (written.has(request)) return;
    written.add(request);
    const { api, name, isInVm } = operation;
    const path = (request.url.split("?", 1)[0] ?? "").slice(0, MAX_PATH_LENGTH);
    try {
      const answered = {
        address: addresses.get(request) ?? "",
        requestId: request.id,
        api: api as ApiName,
        operation: name,
        method: request.method,
        path,
        status,
        subject: subjectOf(request.params),
        before: befores.get(request),
        mayChangeRecord: !isInVm && status < 400,
        made: status < 300 && !isInVm ? harmless(answer) : undefined,
      };
      if (isInVm) audit.writeSoon(caller, answered);
      else await audit.write(caller, answered);
    } catch (error) {
      log.error({ err: error, operation: name }, "a change was not written into the audit");
    }
  };

  // Now: a connection that has gone when there is an answer has none any more.
  app.addHook("onRequest", (request, _reply, done) => {
    const address: string | undefined = request.ip;
    if (address !== undefined) addresses.set(request, address);
    done();
  });
  app.addHook("preHandler", async (request) => {
    const caller = callers.get(request);
    const { operation } = request.routeOptions.config;
    if (caller === undefined || operation === undefined || request.method === "GET") return;
    if (operation.isInVm) return;
    const subject = subjectOf(request.params);
    // Whatever is wrong with what it names, the request finds out itself.
    const before = subject && (await audit.stateOf(caller, subject).catch(() => undefined));
    befores.set(request, before);
  });
  app.addHook("onSend", async (request, reply, payload) => {
    await write(request, reply.statusCode, payload);
    return payload;
  });
  // What was written past Fastify.
  app.addHook("onResponse", async (request, reply) => {
    await write(request, reply.raw.statusCode, undefined);
  });
}

function harmless(answer: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof answer !== "string") return undefined;
  try {
    const body: unknown = JSON.parse(answer);
    if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
    const shown = Object.entries(body).filter(([name]) => OF_ANSWER.includes(name));
    return shown.length === 0 ? undefined : Object.fromEntries(shown);
  } catch {
    return undefined;
  }
}
