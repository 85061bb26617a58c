/** The headers of a request on their way to a service. */
import {
  CONTINUATION_COOKIE,
  PROXY_TOKEN_HEADER,
  TRAFFIC_TOKEN_HEADER,
  type CredentialCheck,
} from "@fastvm/contract";
import { optionsOf, valuesOf } from "../address/header-values.ts";
import type { Destination } from "../address/find-service.ts";
import { hostsOf } from "../address/hosts.ts";
import { http2StreamOf, type ClientRequest } from "../client-request.ts";
import { isCredential, withoutCredentials } from "./credentials.ts";
import { forwardedHeaders, isForwardingClaim, isTrustedPeer } from "./forwarded.ts";
import { forEachHeader, HOP_BY_HOP, type RawHeaders } from "./hop-by-hop.ts";
import { endToEndTrailers } from "./response-headers.ts";
import type { PathScope } from "./path-scope.ts";

/** How the body is delimited: what was parsed, not what was written. */
export type RequestBody =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: string }
  | { readonly kind: "chunked" };

export interface OutgoingRequest {
  readonly method: string;
  readonly path: string;
  /** As the client sent it, or what the machine's owner has put in its place. */
  readonly host: string;
  /** End-to-end headers as they were written, without the host and the body's framing. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: RequestBody;
  /** Whether the client takes trailers: gRPC's servers insist on being told. */
  readonly takesTrailers: boolean;
  /** What of the trailers that came goes on. */
  readonly trailersOf: (raw: RawHeaders) => string[];
}

/** Written anew, or answered by us: Node has said `100 Continue` by itself. */
const SET_BY_US: ReadonlySet<string> = new Set(["host", "content-length", "expect", "trailer"]);

/** What previews come with, for us alone. */
const OF_PREVIEWS: ReadonlySet<string> = new Set([PROXY_TOKEN_HEADER, TRAFFIC_TOKEN_HEADER]);

/** `maskHost`: what the service sees as the host. */
export function outgoingRequest(
  request: ClientRequest,
  { kind, path, prefix }: Destination,
  check: CredentialCheck,
  scope: PathScope | undefined,
  maskHost?: string,
): OutgoingRequest {
  const host = hostsOf(request)[0] ?? "";
  const isTrusted = isTrustedPeer(request);
  const isPreview = kind === "preview";
  // Who asked, machines' services are told by their owner's proxy, in whose words it stays.
  const isClaim = (name: string): boolean => !isPreview && isForwardingClaim(name, isTrusted);
  const headers: (readonly [string, string])[] = [];
  const cookies: string[] = [];
  forEachHeader(request.rawHeaders, (name, value, written) => {
    if (HOP_BY_HOP.has(name) || SET_BY_US.has(name) || isClaim(name)) return;
    if (isPreview && OF_PREVIEWS.has(name)) return;
    // HTTP/2 clients send each cookie in a field of its own; in HTTP/1.1 they are one.
    if (name === "cookie") cookies.push(...value.split(";").map((cookie) => cookie.trim()));
    else if (!isCredential(value, check)) headers.push([written, value]);
  });
  const own = scope === undefined ? cookies : scope.cookies(cookies);
  const isOurs = (cookie: string): boolean => isPreview && cookie.startsWith(`${CONTINUATION_COOKIE}=`);
  const passed = own.filter((cookie) => !isOurs(cookie) && !isCredential(cookie, check));
  if (passed.length > 0) headers.push(["Cookie", passed.join("; ")]);
  if (!isPreview) headers.push(...forwardedHeaders(request, host, prefix));
  return {
    method: request.method ?? "GET",
    path: withoutCredentials(path, check),
    host: maskHost ?? host,
    headers,
    body: bodyOf(request),
    trailersOf: (raw) => trailersOf(raw, check),
    takesTrailers: optionsOf(valuesOf(request, "te")).some((option) => /^trailers\b/.test(option)),
  };
}

function trailersOf(raw: RawHeaders, check: CredentialCheck): string[] {
  const trailers: string[] = [];
  forEachHeader(endToEndTrailers(raw), (_name, value, written) => {
    if (!isCredential(value, check)) trailers.push(written, value);
  });
  return trailers;
}

function bodyOf(request: ClientRequest): RequestBody {
  const [length] = valuesOf(request, "content-length");
  const stream = http2StreamOf(request);
  if (stream?.endAfterHeaders === true)
    return length === undefined ? { kind: "none" } : { kind: "length", bytes: "0" };
  if (length !== undefined) return { kind: "length", bytes: length };
  if (stream !== undefined || valuesOf(request, "transfer-encoding").length > 0) return { kind: "chunked" };
  return { kind: "none" };
}
