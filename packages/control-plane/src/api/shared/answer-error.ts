/** Every failure leaves as JSON of one shape, with headers that tell generated clients whether to try again. */
import { errorBody, FastvmError, MAX_BODY_BYTES, REQUEST_ID_HEADER } from "@fastvm/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ClientGoneError } from "./client-gone.ts";
import type { Log } from "../../log.ts";
import { asFastvmError } from "../../engine/as-fastvm-error.ts";

/** Long enough for a VM to go or to be paused, short enough that clients honour it (at most 60). */
const RETRY_AFTER_SEC = 5;

export function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ClientGoneError) return sendError(reply, translate(error));
    const failure = translate(error);
    const { status } = failure.entry;
    if (status >= 500) {
      const fields = { err: error, method: request.method, url: request.url, code: failure.code };
      if (failure.code === "internal") log.error(fields, "a request failed through a bug");
      else log.warn(fields, "a request failed");
    }
    return sendError(reply, failure);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    return sendError(reply, new FastvmError("not_found", `${request.method} ${path} is not a route`));
  });
}

/** For what fails before a route is found: a URL that is not well encoded. */
export function answerFrameworkError(error: Error, { id }: FastifyRequest, reply: FastifyReply): void {
  reply.raw.setHeader(REQUEST_ID_HEADER, id);
  sendError(reply, translate(error));
}

function sendError(reply: FastifyReply, error: FastvmError): FastifyReply {
  const { status, retryable } = error.entry;
  if (!retryable) reply.header("x-should-retry", "false");
  if (status === 503) reply.header("retry-after", String(RETRY_AFTER_SEC));
  return reply.code(status).send(errorBody(error, reply.request.id));
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
