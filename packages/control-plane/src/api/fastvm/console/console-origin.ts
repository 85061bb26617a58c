/**
 * From which pages a console may be opened. A browser lets any page connect anywhere and says which it is; a token that a page of
 * somebody else got hold of must be of no use there. What is no browser says nothing, or whatever it likes, and has the token.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { ControlPlaneConfig } from "../../../config.ts";

export function isConsoleOrigin(
  { origin, host }: Pick<IncomingHttpHeaders, "origin" | "host">,
  { publicUrl, consoleOrigins }: Pick<ControlPlaneConfig, "publicUrl" | "consoleOrigins">,
): boolean {
  if (origin === undefined) return true;
  // A page without an origin to tell of, such as one in a sandbox, says `null`.
  const url = URL.parse(origin);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== origin) return false;
  // By host and port alone: a proxy that ends TLS passes on the host, but the scheme here is another.
  if (host !== undefined && url.host === URL.parse(`${url.protocol}//${host}`)?.host) return true;
  return url.origin === publicUrl || consoleOrigins.includes(url.origin);
}
