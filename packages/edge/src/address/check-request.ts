/**
 * Refuses requests that two parties could read in two ways. Node's parser refuses conflicting lengths, bad chunks, folded headers
 * and the like by itself; here is what it lets through. What is passed on is framed anew in any case, from what was parsed.
 */
import { ProxyError } from "../answer/proxy-errors.ts";
import { http2StreamOf, type ClientRequest } from "../client-request.ts";
import { MAX_HEADERS } from "../limits.ts";
import { optionsOf, valuesOf } from "./header-values.ts";
import { hostsOf } from "./hosts.ts";

/** What may be said of the connection. Any other name would have us take a header away that the sender of the request set. */
const CONNECTION_OPTIONS = new Set([
  "close",
  "keep-alive",
  "upgrade",
  "te",
  "http2-settings",
  "proxy-connection",
]);

/** Throws a ProxyError with `invalid_request`. */
export function checkRequest(request: ClientRequest): void {
  if (request.rawHeaders.length / 2 > MAX_HEADERS) refuse(`it has more than ${MAX_HEADERS} headers`);
  const hosts = new Set(hostsOf(request).map((host) => host.toLowerCase()));
  if (hosts.size !== 1) refuse("it must name one host");
  if (http2StreamOf(request) !== undefined) return;
  const repeated = valuesOf(request, "host").length > 1;
  if (repeated) refuse("it has more than one Host header");
  if (request.httpVersion !== "1.1" && request.httpVersion !== "1.0") refuse("its version is not HTTP/1.1");
  checkFraming(request);
  for (const option of optionsOf(valuesOf(request, "connection"))) {
    if (!CONNECTION_OPTIONS.has(option)) refuse(`its Connection header names ${JSON.stringify(option)}`);
  }
}

function checkFraming(request: ClientRequest): void {
  const codings = valuesOf(request, "transfer-encoding");
  const lengths = valuesOf(request, "content-length");
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked")
      refuse("its Transfer-Encoding is not chunked");
    if (request.httpVersion !== "1.1") refuse("HTTP/1.0 has no Transfer-Encoding");
    if (lengths.length > 0) refuse("it has both Transfer-Encoding and Content-Length");
  }
  if (lengths.length > 1 || !lengths.every((length) => /^\d+$/.test(length)))
    refuse("its Content-Length is not one number");
}

/**
 * A browser that asks for a service worker's script, which by path would be the API's.
 * None is registered by pages of today, and none that is there is renewed.
 */
export function checkPathRequest(request: ClientRequest): void {
  if (valuesOf(request, "service-worker").length > 0)
    refuse("service workers need the service's own host name");
}

/** An upgrade has no body: what follows it would be read as frames by one party and as a body by another. */
export function checkUpgrade(request: ClientRequest): void {
  if (request.httpVersion !== "1.1" || request.method !== "GET")
    refuse("a WebSocket begins with a GET of HTTP/1.1");
  const protocols = optionsOf(valuesOf(request, "upgrade"));
  if (protocols.length !== 1 || protocols[0] !== "websocket") refuse("upgrades are to WebSocket only");
  const lengths = valuesOf(request, "content-length").filter((length) => length !== "0");
  if (lengths.length + valuesOf(request, "transfer-encoding").length > 0) refuse("an upgrade has no body");
}

function refuse(detail: string): never {
  throw new ProxyError("invalid_request", detail);
}
