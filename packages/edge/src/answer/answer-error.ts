/** The proxy's own answers: JSON `{error, code, retryable, suggested_action?}`, and the code in a header. */
import type { ClientRequest, ClientResponse } from "../client-request.ts";
import type { Sink } from "../forward/pump.ts";
import { RETRY_AFTER_SEC } from "../limits.ts";
import type { ProxyError } from "./proxy-errors.ts";
import { beforeEnd } from "./rest-of-request.ts";

export const PROXY_ERROR_HEADER = "x-fastvm-proxy-error";

/** The headers must not have been sent. */
export function answerError(
  request: ClientRequest,
  response: ClientResponse,
  error: ProxyError,
  lingerMs: number,
): void {
  const { status, retryable, ...entry } = error.entry;
  const body = Buffer.from(
    JSON.stringify({
      error: error.message,
      code: error.code,
      retryable,
      ...("suggestedAction" in entry ? { suggested_action: entry.suggestedAction } : {}),
    }),
  );
  response.statusCode = status;
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.setHeader("content-length", String(body.length));
  response.setHeader("cache-control", "no-store");
  response.setHeader(PROXY_ERROR_HEADER, error.code);
  if (status === 503) response.setHeader("retry-after", String(RETRY_AFTER_SEC));
  const sink: Sink = response;
  sink.write(body);
  void beforeEnd(request, response, lingerMs).then(() => response.end());
}
