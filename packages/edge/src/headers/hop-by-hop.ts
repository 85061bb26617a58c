/** Headers that concern one connection and must not cross the proxy. */

export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Names and values in turn, as Node's `rawHeaders` has them. */
export type RawHeaders = readonly string[];

/** Calls back for each header but HTTP/2's own, with the name in lower case and as it was written. */
export function forEachHeader(
  raw: RawHeaders,
  visit: (name: string, value: string, written: string) => void,
): void {
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const written = raw[index] ?? "";
    if (!written.startsWith(":")) visit(written.toLowerCase(), raw[index + 1] ?? "", written);
  }
}
