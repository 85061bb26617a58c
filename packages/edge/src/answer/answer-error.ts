/**
 * The proxy's own answers: errors in the shape of the API whose clients ask, and the code in a header. FastVM's first clients read the
 * hint as `suggested_action`, too.
 */
import { ServerResponse, STATUS_CODES } from "node:http";
import { errorBody, machineErrorBody, REQUEST_ID_HEADER } from "@fastvm/contract";
import type { ClientRequest, ClientResponse } from "../client-request.ts";
import type { Sink } from "../forward/pump.ts";
import { RETRY_AFTER_SEC } from "../limits.ts";
import type { ProxyError } from "./proxy-errors.ts";
import { idOf } from "./request-id.ts";
import { beforeEnd } from "./rest-of-request.ts";

const PROXY_ERROR_HEADER = "x-fastvm-proxy-error";

/** The headers must not have been sent. Resolves when the answer is handed over. */
export async function answerError(
  request: ClientRequest,
  response: ClientResponse,
  error: ProxyError,
  words: "fastvm" | "machines",
  lingerMs: number,
): Promise<void> {
  const { status } = error.entry;
  const id = idOf(request);
  const body = Buffer.from(JSON.stringify(bodyOf(error, words, id)));
  response.statusCode = status;
  // A service's answer that could not be written may have left its reason behind.
  if (response instanceof ServerResponse) response.statusMessage = STATUS_CODES[status] ?? "";
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.setHeader("content-length", String(body.length));
  response.setHeader("cache-control", "no-store");
  response.setHeader(REQUEST_ID_HEADER, id);
  response.setHeader(PROXY_ERROR_HEADER, error.code);
  if (status === 503) response.setHeader("retry-after", String(RETRY_AFTER_SEC));
  const sink: Sink = response;
  sink.write(body);
  await beforeEnd(request, response, lingerMs);
  response.end();
}

function bodyOf(error: ProxyError, words: "fastvm" | "machines", id: string): object {
  if (words === "machines") return machineErrorBody(error, id);
  return { ...errorBody(error, id), suggested_action: error.entry.hint };
}
