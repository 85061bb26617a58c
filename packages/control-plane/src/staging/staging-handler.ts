/** PUT and GET of staging objects, over the API's port and, for the guest's own curl, over the guest link. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { errorBody, FastvmError } from "@fastvm/contract";
import { inNameOf, nameAnswer } from "../http/request-ids.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { asFastvmError } from "../store/as-fastvm-error.ts";
import type { SignedUrls, StagingGrant } from "./signed-urls.ts";
import type { StagingObjects } from "./staging-objects.ts";

export interface StagingParts {
  readonly urls: SignedUrls;
  readonly objects: StagingObjects;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * `early`: a chunked PUT is answered as soon as there is room for its beginning. Published clients wait for the answer before they look
 * whether the program that feeds their upload has ended, and hang when it has; whoever reads the object waits for its end instead.
 */
type AnswerTime = "early" | "when done";

/** Never rejects: failures are answers. */
export function handleStaging(
  parts: StagingParts,
  request: IncomingMessage,
  response: ServerResponse,
  answerTime: AnswerTime,
): Promise<void> {
  return inNameOf(nameAnswer(request.headers, response), () => handle(parts, request, response, answerTime));
}

async function handle(
  parts: StagingParts,
  request: IncomingMessage,
  response: ServerResponse,
  answerTime: AnswerTime,
): Promise<void> {
  try {
    const grant = admit(parts, request);
    if (grant.method === "PUT") await put(parts, grant, request, response, answerTime);
    else await get(parts, grant, request, response);
  } catch (error) {
    fail(parts.log, request, response, error);
  }
}

function admit({ urls, clock }: StagingParts, request: IncomingMessage): StagingGrant {
  const grant = urls.verify(request.url ?? "");
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (grant === undefined || grant.method !== method) {
    throw new FastvmError("forbidden", "this URL was not signed for this");
  }
  if (clock.now() >= grant.expiresAtMs) throw new FastvmError("forbidden", "this URL has expired");
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > grant.maxBytes) {
    throw new FastvmError("body_too_large", `at most ${grant.maxBytes} bytes are taken here`);
  }
  return grant;
}

async function put(
  { objects }: StagingParts,
  grant: StagingGrant,
  request: IncomingMessage,
  response: ServerResponse,
  answerTime: AnswerTime,
): Promise<void> {
  const { holder, objectId, maxBytes } = grant;
  const length = request.headers["content-length"];
  const isEarly = answerTime === "early" && length === undefined;
  const upload = { holder, objectId, maxBytes, bytes: length === undefined ? undefined : Number(length) };
  await objects.write(upload, request, () => {
    if (!isEarly) return;
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
    response.flushHeaders();
  });
  if (!response.headersSent) response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  response.end("{}");
}

async function get(
  { objects }: StagingParts,
  grant: StagingGrant,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const object = await objects.read(grant.holder, grant.objectId);
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": String(object.bytes),
  });
  if (request.method === "HEAD") response.end();
  else await pipeline(object.open(), response);
}

function fail(log: Log, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || request.destroyed) {
    // Too late for an answer: the broken connection says that it is not whole.
    log.warn({ err: error }, "a staging transfer was cut");
    response.destroy();
    return;
  }
  const known = asFastvmError(error);
  response.writeHead(known.entry.status, {
    "content-type": "application/json; charset=utf-8",
    "x-should-retry": String(known.entry.retryable),
    // What is left of an upload that nobody wants is dropped unread. HTTP/2 has its own way of saying so.
    ...(request.httpVersionMajor === 1 ? { connection: "close" } : {}),
  });
  response.end(JSON.stringify(errorBody(known, nameAnswer(request.headers, response))));
}
