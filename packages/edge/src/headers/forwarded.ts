/**
 * Who asked, by which host and over what: `X-Forwarded-*`. A reverse proxy on this machine is believed and added to; what comes from
 * anywhere else may be anybody's invention and is replaced.
 */
import type { ClientRequest } from "../client-request.ts";
import { forEachHeader } from "./hop-by-hop.ts";

/** Services and their frameworks believe these; a stranger must not be able to set them. */
const CLAIMS: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-real-ip",
]);

/** Those that we set ourselves, whoever asks. */
const OURS: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-prefix",
  "x-forwarded-proto",
]);

/** Whether a header of the client's must not go on as it is. */
export function isForwardingClaim(name: string, isTrusted: boolean): boolean {
  // CGI, and so WSGI and PHP, sees no difference between the two; no proxy writes the
  // underscores, so whoever does means to be taken for one.
  const standard = name.replaceAll("_", "-");
  const claims = isTrusted && standard === name ? OURS : CLAIMS;
  return claims.has(standard);
}

export function isTrustedPeer(request: ClientRequest): boolean {
  const address = addressOf(request);
  return address === "::1" || address.startsWith("127.");
}

/** As pairs. `prefix` is what was cut from the path. */
export function forwardedHeaders(request: ClientRequest, host: string, prefix: string): [string, string][] {
  const said = isTrustedPeer(request) ? claimsOf(request) : new Map<string, string>();
  const before = said.get("x-forwarded-for");
  const address = addressOf(request);
  const cut = `${findOuterPrefix(request)}${prefix}`;
  return [
    ["X-Forwarded-For", before === undefined ? address : `${before}, ${address}`],
    ["X-Forwarded-Proto", schemeOf(request)],
    ["X-Forwarded-Host", said.get("x-forwarded-host") ?? host],
    ...(cut === "" ? [] : ([["X-Forwarded-Prefix", cut]] as [string, string][])),
  ];
}

/** By which scheme the client's own program asked. */
export function schemeOf(request: ClientRequest): string {
  const scheme = "encrypted" in request.socket && request.socket.encrypted ? "https" : "http";
  return (isTrustedPeer(request) ? claimsOf(request).get("x-forwarded-proto") : undefined) ?? scheme;
}

/** What another proxy on this machine has cut before us. */
export function findOuterPrefix(request: ClientRequest): string {
  return (isTrustedPeer(request) ? claimsOf(request).get("x-forwarded-prefix") : undefined) ?? "";
}

function claimsOf({ rawHeaders }: ClientRequest): Map<string, string> {
  const claims = new Map<string, string>();
  forEachHeader(rawHeaders, (name, value) => {
    if (!OURS.has(name)) return;
    const before = claims.get(name);
    claims.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return claims;
}

/** IPv4 without the dress of IPv6; "unknown" when the client is gone already. */
function addressOf(request: ClientRequest): string {
  return (request.socket.remoteAddress ?? "unknown").replace(/^::ffff:/, "");
}
