/** An ordinary request: checked, reached, forwarded, and answered by the proxy itself where that fails. Rejects through bugs only. */
import { ServerResponse } from "node:http";
import type { Http2Stream } from "node:http2";
import { checkPathRequest, checkRequest } from "../address/check-request.ts";
import { findDestination, isForPreviews, type Destination } from "../address/find-service.ts";
import { REQUEST_ID_HEADER } from "@fastvm/contract";
import { answerError } from "../answer/answer-error.ts";
import { ProxyError } from "../answer/proxy-errors.ts";
import { idOf } from "../answer/request-id.ts";
import { afterEnd } from "../answer/rest-of-request.ts";
import { StreamReset, type BackendCall } from "../backend/call.ts";
import { callHttp1 } from "../backend/call-http1.ts";
import { callHttp2 } from "../backend/call-http2.ts";
import { entryTo, type Entry } from "../backend/entry.ts";
import { reachService } from "../backend/reach-service.ts";
import { unlessAborted } from "../backend/unless-aborted.ts";
import { http2StreamOf, type ClientRequest, type ClientResponse } from "../client-request.ts";
import type { EdgeParts } from "../edge-parts.ts";
import { outgoingRequest } from "../headers/request-headers.ts";
import { confine, scopeOf } from "./confine.ts";
import { continuing } from "./continuation.ts";
import type { RequestOutcome } from "../metrics/edge-metrics.ts";
import { forward } from "./forward.ts";
import { noTraffic } from "./traffic.ts";

const HTTP2_INTERNAL_ERROR = 2;

export async function exchange(
  parts: EdgeParts,
  request: ClientRequest,
  response: ClientResponse,
): Promise<void> {
  const outcome = parts.metrics.begin();
  const client = watchClient(response);
  let call: BackendCall | undefined;
  let entry: Entry | undefined;
  const traffic = noTraffic();
  parts.metrics.openRequests += 1;
  try {
    checkRequest(request);
    const destination = findDestination(request, parts);
    const scope = scopeOf(request, destination);
    if (scope !== undefined) checkPathRequest(request);
    if (redirectToSlash(request, response, destination)) return outcome.answered(response.statusCode);
    const check = await unlessAborted(parts.directory.credentialCheck(), client.gone);
    entry = await entryTo(parts.directory, destination, "http", client.gone);
    entry.count({ requests: 1 });
    const outgoing = outgoingRequest(request, destination, check, scope, entry.maskHost);
    const { vmId } = destination.address;
    const { connection, h2c } = await reachService(parts, vmId, entry.lookUp, client.gone);
    call = h2c ? callHttp2(connection, outgoing) : callHttp1(connection, outgoing);
    const { limits } = parts;
    const shown = continuing(confine(call, scope), request, destination, entry);
    await forward({ request, response, call: shown, outgoing, limits, gone: client.gone, outcome, traffic });
    call.close();
    afterEnd(request, limits.lingerMs);
  } catch (error) {
    call?.destroy(http2StreamOf(response)?.rstCode || undefined);
    if (client.gone.aborted) outcome.aborted();
    else {
      const code = await fail(parts, request, response, error, outcome);
      entry?.count({ error: code });
    }
  } finally {
    entry?.count(traffic);
    parts.metrics.openRequests -= 1;
  }
}

/** Tells by a signal that the client left before it had the whole answer. */
function watchClient(response: ClientResponse): { readonly gone: AbortSignal } {
  const controller = new AbortController();
  response.on("error", () => undefined);
  response.once("close", () => {
    // HTTP/2's answers call themselves finished whenever they close.
    const isWhole = response instanceof ServerResponse ? response.writableFinished : response.writableEnded;
    if (!isWhole) controller.abort(new Error("the client went away"));
  });
  return { gone: controller.signal };
}

/** Relative links of the service's pages lead under its path only from there. */
function redirectToSlash(
  request: ClientRequest,
  response: ClientResponse,
  { slashedAt }: Destination,
): boolean {
  if (slashedAt === undefined || (request.method !== "GET" && request.method !== "HEAD")) return false;
  response.statusCode = 308;
  response.setHeader("location", slashedAt);
  response.setHeader("content-length", "0");
  response.setHeader(REQUEST_ID_HEADER, idOf(request));
  response.end();
  return true;
}

/** Says what went wrong, or breaks off what was begun. Resolves to its code. */
export async function fail(
  { metrics, log, limits, domain }: EdgeParts,
  request: ClientRequest,
  response: ClientResponse,
  error: unknown,
  outcome: RequestOutcome,
): Promise<string> {
  const failure = asProxyError(error);
  metrics.failed(failure.code);
  if (failure.code === "internal") {
    log.error({ requestId: idOf(request), err: error }, "a request to a service failed through a bug");
  }
  const stream = http2StreamOf(response);
  if (stream !== undefined && (error instanceof StreamReset || response.headersSent)) {
    reset(stream, error instanceof StreamReset ? error.code : HTTP2_INTERNAL_ERROR);
  } else if (response.headersSent) {
    response.destroy();
  } else {
    outcome.answered(failure.entry.status);
    response.once("finish", () => afterEnd(request, limits.lingerMs));
    const words = isForPreviews(request, domain) ? "machines" : "fastvm";
    await answerError(request, response, failure, words, limits.lingerMs);
  }
  return failure.code;
}

/** Half an answer must not look like a whole one: Node ends a stream before it resets it, but without its trailers it has no end. */
function reset(stream: Http2Stream, code: number): void {
  stream.removeAllListeners("wantTrailers");
  stream.close(code);
}

function asProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  if (error instanceof StreamReset)
    return new ProxyError("service_bad_answer", error.message, { cause: error });
  return new ProxyError("internal", undefined, { cause: error });
}
