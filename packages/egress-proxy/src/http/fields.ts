/** Fields of one connection, which are not passed on to the next (RFC 9110, 7.6.1). */
import type { RawHeaders } from "../secrets/replace-head.ts";

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "te",
  "transfer-encoding",
  "upgrade",
]);

export function* pairsOf(headers: RawHeaders): Generator<readonly [name: string, value: string]> {
  for (let index = 0; index + 1 < headers.length; index += 2)
    yield [headers[index] ?? "", headers[index + 1] ?? ""];
}

/** As one, lower-case values of a field that may be there several times; empty: it is not. */
export function valueOf(headers: RawHeaders, wanted: string): string {
  return [...pairsOf(headers)]
    .filter(([name]) => name.toLowerCase() === wanted)
    .map(([, value]) => value.trim().toLowerCase())
    .join(", ");
}

export function endToEnd(headers: RawHeaders): string[] {
  const named = new Set(
    valueOf(headers, "connection")
      .split(",")
      .map((name) => name.trim()),
  );
  return [...pairsOf(headers)].flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    return HOP_BY_HOP.has(lower) || named.has(lower) ? [] : [name, value];
  });
}

export function withoutField(headers: RawHeaders, unwanted: string): string[] {
  return [...pairsOf(headers)].flatMap(([name, value]) =>
    name.toLowerCase() === unwanted ? [] : [name, value],
  );
}
