/** Every failure leaves in the one shape of the API that was called. */
import { asFastvmError } from "../../engine/engine.ts";
import { FastvmError, MAX_BODY_BYTES, REQUEST_ID_HEADER } from "@fastvm/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../../log.ts";
import { ClientGoneError } from "./client-gone.ts";

export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: object;
}

export type RenderError = (error: FastvmError, requestId: string) => RenderedError;

/** That of the API which the request is for. */
export type RendererOf = (request: Pick<FastifyRequest, "headers" | "url">) => RenderError;

/** For all routes of a scope. */
export function answerErrors(scope: FastifyInstance, log: Log, rendererOf: RendererOf): void {
  scope.setErrorHandler((error, request, reply) => {
    if (error instanceof ClientGoneError) return sendError(reply, translate(error), rendererOf);
    const failure = translate(error);
    if (failure.entry.status >= 500) {
      const fields = { err: error, method: request.method, url: request.url, code: failure.code };
      if (failure.code === "internal") log.error(fields, "a request failed through a bug");
      else log.warn(fields, "a request failed");
    }
    return sendError(reply, failure, rendererOf);
  });
}

/** For paths that are no route, of whichever scope. */
export function answerUnknownPaths(app: FastifyInstance, rendererOf: RendererOf): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    return sendError(
      reply,
      new FastvmError("not_found", `${request.method} ${path} is not a route`),
      rendererOf,
    );
  });
}

/** For what fails before a route is found: a URL that is not well encoded. */
export function answerFrameworkErrors(rendererOf: RendererOf) {
  return (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    sendError(reply, translate(error), rendererOf);
  };
}

function sendError(reply: FastifyReply, error: FastvmError, rendererOf: RendererOf): FastifyReply {
  const { status, headers, body } = rendererOf(reply.request)(error, reply.request.id);
  return reply.code(status).headers(headers).send(body);
}

/** Fastify's own errors, in the catalogue's terms. */
function translate(error: unknown): FastvmError {
  if (error instanceof FastvmError) return error;
  if (!(error instanceof Error)) return asFastvmError(error);
  const code: unknown = "code" in error ? error.code : undefined;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new FastvmError("body_too_large", `at most ${MAX_BODY_BYTES} bytes are accepted`, {
      field: "body",
    });
  }
  const status: unknown = "statusCode" in error ? error.statusCode : undefined;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new FastvmError("invalid_request", error.message, { cause: error });
  }
  return asFastvmError(error);
}
