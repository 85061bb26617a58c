/**
 * A span for each request of an operation, in the trace of its client where that has one; what the request begins is within it. It has the
 * route and no path, so nothing that a client has chosen but the id of its request.
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
} from "@opentelemetry/api";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { callerOf } from "./audit-changes.ts";

/** Call before other hooks are added but those that name requests. */
export function traceRequests(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    const begun = begin(request, reply);
    if (begun === undefined) done();
    else context.with(begun, done);
  });
}

/** The ids of the client's span, and not its `tracestate`, which is free text and would go on to receivers of webhooks. */
function parentOf({ headers }: FastifyRequest): Context {
  const span = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers));
  if (span === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, traceFlags } = span;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function begin(request: FastifyRequest, reply: FastifyReply): Context | undefined {
  const { operation } = request.routeOptions.config;
  if (operation === undefined || operation.isProbe) return undefined;
  const { method } = request;
  const route = (request.routeOptions.url ?? "").replaceAll(/:(\w+)/g, "{$1}");
  const parent = parentOf(request);
  const attributes = {
    "http.request.method": method,
    "http.route": route,
    "fastvm.api": operation.api,
    "fastvm.operation": operation.name,
    "fastvm.request.id": request.id,
  };
  const kind = SpanKind.SERVER;
  const span = trace.getTracer("fastvm").startSpan(`${method} ${route}`, { kind, attributes }, parent);
  const { raw } = reply;
  // After its answer, or where the client went before.
  raw.once("close", () => {
    const orgId = callerOf(request)?.orgId;
    if (orgId !== undefined) span.setAttribute("fastvm.org.id", orgId);
    if (raw.headersSent) span.setAttribute("http.response.status_code", raw.statusCode);
    if (!raw.writableFinished) span.setAttribute("error.type", "client_gone");
    if (raw.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  return trace.setSpan(parent, span);
}
