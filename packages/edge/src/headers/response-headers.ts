/** The headers of a service's answer on their way to the client. */
import { optionsOf, valuesOf } from "../address/header-values.ts";
import { forEachHeader, HOP_BY_HOP, type RawHeaders } from "./hop-by-hop.ts";

/** End-to-end headers, names and values in turn. What the service's `Connection` names concerns our connection to it only. */
export function endToEndHeaders(raw: RawHeaders): string[] {
  const named = new Set(optionsOf(valuesOf({ rawHeaders: [...raw] }, "connection")));
  const headers: string[] = [];
  forEachHeader(raw, (name, value, written) => {
    if (!HOP_BY_HOP.has(name) && !named.has(name)) headers.push(written, value);
  });
  return headers;
}

/** For answers that cannot end in trailers. */
export function withoutTrailer(raw: RawHeaders): string[] {
  const headers: string[] = [];
  forEachHeader(raw, (name, value, written) => {
    if (name !== "trailer") headers.push(written, value);
  });
  return headers;
}

/** Never in trailers: they would change what was sent already. */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "content-length",
  "host",
  "trailer",
  "content-encoding",
  "content-type",
  "content-range",
]);

export function endToEndTrailers(raw: RawHeaders): string[] {
  const trailers: string[] = [];
  forEachHeader(raw, (name, value, written) => {
    if (!NOT_IN_TRAILERS.has(name)) trailers.push(written, value);
  });
  return trailers;
}

/** As HTTP/2 wants them: lower-case names, each once. Only cookies cannot be joined by commas. */
export function asHttp2(raw: RawHeaders): Record<string, string | string[]> {
  const headers = new Map<string, string | string[]>();
  forEachHeader(raw, (name, value) => {
    const before = headers.get(name);
    if (before === undefined) headers.set(name, name === "set-cookie" ? [value] : value);
    else if (typeof before === "string") headers.set(name, before === value ? value : `${before}, ${value}`);
    else before.push(value);
  });
  return Object.fromEntries(headers);
}
