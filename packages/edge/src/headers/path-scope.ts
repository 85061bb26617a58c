/**
 * Services by path share the API's host, in a browser one origin and one set of cookies. So what a service says of the whole host stays
 * behind, its pages are given an origin of their own, and its cookies a name and a path that are its own: it sets and gets no others.
 */
import { createHash } from "node:crypto";
import { forEachHeader, type RawHeaders } from "./hop-by-hop.ts";
import { endToEndHeaders } from "./response-headers.ts";

/** Without `allow-same-origin`, which would be the API's: see docs/api/services.md for what such pages cannot do. */
const SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-downloads";

/** They speak of an origin as a whole, beyond the answer they come with. */
const OF_THE_ORIGIN: ReadonlySet<string> = new Set([
  "accept-ch",
  "activate-storage-access",
  "alt-svc",
  "clear-site-data",
  "critical-ch",
  "expect-ct",
  "nel",
  "origin-agent-cluster",
  "origin-trial",
  "public-key-pins",
  "public-key-pins-report-only",
  "report-to",
  "reporting-endpoints",
  "sec-session-challenge",
  "sec-session-registration",
  "secure-session-challenge",
  "secure-session-registration",
  "service-worker-allowed",
  "set-login",
  "shared-storage-write",
  "strict-transport-security",
  "use-as-dictionary",
]);

/** Digits of a digest: a service that finds another's tag gains nothing, as the path keeps them apart, too. */
const TAG_DIGITS = 12;

export interface PathScope {
  /** The cookies that the service has set, by the names that it gave them. */
  cookies(cookies: readonly string[]): string[];
  /** The headers of an answer. */
  answer(raw: RawHeaders): string[];
  /** Headers that no page comes with: trailers, or those of a WebSocket. */
  withoutPage(raw: RawHeaders): string[];
}

/**
 * `owner`: whose cookies they are, a name that no other service has. `prefix`: what was cut from the path. `host`: as the client wrote
 * it. `outerPrefix`: the one under which the service knows itself behind another proxy.
 */
export function pathScope(owner: string, prefix: string, host: string, outerPrefix: string): PathScope {
  const digest = createHash("sha256").update(owner).digest("hex");
  const tag = `fv${digest.slice(0, TAG_DIGITS)}-`;
  const scoped = (raw: RawHeaders): string[] => {
    const headers: string[] = [];
    // First, or what the service's `Connection` names would be taken from what is added.
    forEachHeader(endToEndHeaders(raw), (name, value, written) => {
      if (OF_THE_ORIGIN.has(name)) return;
      if (name === "set-cookie") headers.push(written, scopedCookie(value, tag, prefix));
      else if (name === "location") headers.push(written, scopedLocation(value, prefix, host, outerPrefix));
      else headers.push(written, value);
    });
    return headers;
  };
  return {
    cookies: (cookies) =>
      cookies.flatMap((cookie) => (cookie.startsWith(tag) ? [cookie.slice(tag.length)] : [])),
    // Beside a policy of the service's own: both hold, and so neither loosens the other.
    answer: (raw) => [...scoped(raw), "Content-Security-Policy", SANDBOX],
    withoutPage: scoped,
  };
}

/** Whatever path it names lies under the service's root; a domain would be that of other hosts. */
function scopedCookie(cookie: string, tag: string, prefix: string): string {
  const [pair = "", ...attributes] = cookie.split(";");
  const named = (attribute: string) => attribute.split("=", 1)[0]?.trim().toLowerCase();
  const kept = attributes.filter((attribute) => !["path", "domain"].includes(named(attribute) ?? ""));
  const path = attributes
    .findLast((attribute) => named(attribute) === "path")
    ?.replace(/^[^=]*=?/, "")
    .trim();
  return [
    `${tag}${pair.trim()}`,
    ...kept,
    ` Path=${underPrefix(path?.startsWith("/") === true ? path : "/", prefix)}`,
  ].join(";");
}

/** Services do not know that their root is not the host's; those that do, by `X-Forwarded-Prefix`, are let be. */
function scopedLocation(location: string, prefix: string, host: string, outerPrefix: string): string {
  const [, origin = "", authority, rest = ""] = /^((?:https?:)?\/\/([^/?#]*))?(.*)$/is.exec(location) ?? [];
  if (authority !== undefined && authority.toLowerCase() !== host.toLowerCase()) return location;
  if (authority !== undefined && !rest.startsWith("/")) return `${origin}${prefix}/${rest}`;
  if (!rest.startsWith("/") || isUnder(rest, outerPrefix)) return location;
  return `${origin}${underPrefix(rest, prefix)}`;
}

function underPrefix(path: string, prefix: string): string {
  return isUnder(path, prefix) ? path : `${prefix}${path}`;
}

function isUnder(path: string, prefix: string): boolean {
  return path.startsWith(`${prefix}/`) || path === prefix;
}
