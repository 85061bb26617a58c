/** GET /v1/events: a page, or a stream as the client asks for it. */
import type { FastvmError, OrgId } from "@fastvm/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import { clientGone } from "../../shared/client-gone.ts";
import { ANSWERED, type Answer } from "../../shared/operation-route.ts";
import { afterIn, filterOf, type Query } from "../events/event-query.ts";
import { serveEventSocket } from "../events/event-socket.ts";
import { followedEvents, isEvent, type Told } from "../events/followed-events.ts";
import { streamNdjson } from "../exec/stream-ndjson.ts";
import { streamText } from "../../shared/stream-text.ts";
import { wantsNdjson } from "../exec/wants-ndjson.ts";
import type { FastvmScope } from "../fastvm-scope.ts";
import { eventView } from "../views/event-view.ts";

const DEFAULT_LIMIT = 100;

export function registerEvents(api: FastvmScope): void {
  serveEventSocket(api);
  api.routes.serve("listEvents", async ({ query, request, reply }, { orgId }) => {
    const isSse = wantsSse(request);
    if (!isSse && !wantsNdjson(request)) return { status: 200, body: await page(api, orgId, query) };
    const { engine, config, log } = api;
    // Browsers name what they saw last by themselves when they connect again.
    const after = afterIn(request.headers["last-event-id"], "last-event-id");
    const filter = { ...filterOf(query), ...(after !== undefined && { after }) };
    const gone = clientGone(reply);
    const parts = {
      source: followedEvents(engine, orgId, filter, gone),
      gone,
      heartbeatMs: config.streamHeartbeatMs,
    };
    try {
      if (isSse) await streamSse(reply, parts);
      else await streamNdjson(reply, { ...parts, encode: (told: Told) => told, failure });
    } catch (error) {
      if (!gone.aborted) log.warn({ err: error }, "a stream of events was cut");
    }
    return ANSWERED;
  });
}

async function page({ engine }: FastvmScope, orgId: OrgId, query: Query): Promise<Answer["body"]> {
  const limit = Number(query["limit"] ?? DEFAULT_LIMIT);
  const order = query["order"] === "desc" ? "desc" : "asc";
  const lastId = await engine.history.lastId(orgId);
  // One more, to know whether there is one; and none that is younger than the number in the answer.
  const slice = { order, offset: 0, limit: limit + 1 } as const;
  const found = await engine.history.find(orgId, { ...filterOf(query), upTo: lastId }, slice);
  return { events: found.slice(0, limit).map(eventView), hasMore: found.length > limit, lastId };
}

function wantsSse({ headers }: FastifyRequest): boolean {
  return /\btext\/event-stream\b/i.test(headers.accept ?? "");
}

interface Parts {
  readonly source: AsyncIterable<Told>;
  readonly gone: AbortSignal;
  readonly heartbeatMs: number;
}

async function streamSse(reply: FastifyReply, { source, gone, heartbeatMs }: Parts): Promise<void> {
  await streamText(reply, {
    contentType: "text/event-stream",
    source: framed(source),
    failure: (error) => frame(failure(error)),
    // A comment.
    heartbeat: ":\n\n",
    heartbeatMs,
    gone,
  });
}

async function* framed(source: AsyncIterable<Told>): AsyncGenerator<string, void, undefined> {
  for await (const told of source) yield frame(told);
}

/** Events are messages, which every client listens to; the rest has names. */
function frame(told: Told): string {
  const head = isEvent(told) ? `id: ${told.id}` : `event: ${told.type}`;
  return `${head}\ndata: ${JSON.stringify(told)}\n\n`;
}

function failure({ code, message }: FastvmError): Told {
  return { type: "error", code, message };
}
