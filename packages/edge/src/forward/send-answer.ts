/** A service's answer, on its way to the client. */
import { ServerResponse } from "node:http";
import { valuesOf } from "../address/header-values.ts";
import type { BackendAnswer } from "../backend/call.ts";
import { withRequestId } from "../answer/request-id.ts";
import type { ClientRequest, ClientResponse } from "../client-request.ts";
import { asHttp2, endToEndHeaders, endToEndTrailers, withoutTrailer } from "../headers/response-headers.ts";
import type { RawHeaders } from "../headers/hop-by-hop.ts";
import { pump } from "./pump.ts";

/** Resolves when all of it was handed over. Rejects with the reason when the service breaks off. */
export async function sendAnswer(
  answer: BackendAnswer,
  request: ClientRequest,
  response: ClientResponse,
  onBytes: (count: number) => void,
  beforeEnd: () => Promise<void>,
): Promise<void> {
  writeHead(answer, withRequestId(endToEndHeaders(answer.headers), request), response);
  if (answer.isEmpty) {
    answer.body.resume();
  } else {
    await pump(answer.body, response, { onBytes }).catch(() => {
      throw answer.failure();
    });
    if (!answer.isWhole()) throw answer.failure();
    addTrailers(response, endToEndTrailers(answer.trailers()));
  }
  await beforeEnd();
  response.end();
  await sent(response);
}

/** An answer without a body sends its headers with its end, as HTTP/2 and gRPC have it; any other sends them at once. */
function writeHead(
  { status, statusText, isEmpty }: BackendAnswer,
  passed: string[],
  response: ClientResponse,
): void {
  if (response instanceof ServerResponse) {
    const canEndInTrailers = !isEmpty && isChunked(response, passed);
    response.writeHead(status, statusText, canEndInTrailers ? passed : withoutTrailer(passed));
    if (!isEmpty) response.flushHeaders();
    return;
  }
  response.statusCode = status;
  for (const [name, value] of Object.entries(asHttp2(passed))) response.setHeader(name, value);
  if (!isEmpty) response.writeHead(status);
}

/** Whether Node will send the body in chunks. It refuses to announce trailers where it will not. */
function isChunked(response: ServerResponse, headers: string[]): boolean {
  const hasLength = valuesOf({ rawHeaders: headers }, "content-length").length > 0;
  return response.useChunkedEncodingByDefault && !hasLength;
}

function addTrailers(response: ClientResponse, trailers: RawHeaders): void {
  if (trailers.length > 0) response.addTrailers(asHttp2(trailers));
}

function sent(response: ClientResponse): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (response.writableFinished) resolve();
  response.once("finish", () => resolve());
  response.once("close", () => reject(new Error("the client went away")));
  return promise;
}
