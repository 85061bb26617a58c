/** Secrets in what comes before a request's body: its target's query, its fields, and what a field has in base64. */
import type { PlaceholderFinder } from "./find-placeholders.ts";
import type { Meaning } from "./gate.ts";
import { replaceIn, replaceInText, type Place } from "./replace.ts";

/** Name and value of each field, in turn. */
export type RawHeaders = readonly string[];

const NOWHERE: Place = { writing: "as it is", wants: () => false };
const IN_QUERY: Place = { writing: "percent", wants: ({ injection }) => injection.query };
const IN_FIELD: Place = { writing: "as it is", wants: ({ injection }) => injection.headers };
const IN_BASIC: Place = { writing: "as it is", wants: ({ injection }) => injection.basicAuth };
/** Where a request goes and where it ends is not for a secret to say. */
const FRAMING: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding", "connection"]);
const BASIC = /^(Basic +)([A-Za-z0-9+/]+={0,2})\s*$/i;

/** Throws a BlockedSecret. */
export function replaceInTarget(target: string, finder: PlaceholderFinder<Meaning>): string {
  const query = target.indexOf("?");
  const path = query === -1 ? target : target.slice(0, query);
  const rest = query === -1 ? "" : target.slice(query);
  return replaceInText(path, finder, NOWHERE) + replaceInText(rest, finder, IN_QUERY);
}

/** Throws a BlockedSecret. */
export function replaceInHeaders(headers: RawHeaders, finder: PlaceholderFinder<Meaning>): string[] {
  return headers.map((text, index) => {
    if (index % 2 === 0) return replaceInText(text, finder, NOWHERE);
    return replaceInField((headers[index - 1] ?? "").toLowerCase(), text, finder);
  });
}

function replaceInField(name: string, value: string, finder: PlaceholderFinder<Meaning>): string {
  const basic = name === "authorization" ? BASIC.exec(value) : null;
  if (basic !== null) {
    const [, scheme = "", encoded = ""] = basic;
    const before = Buffer.from(encoded, "base64");
    const after = replaceIn(before, finder, IN_BASIC);
    return after === before ? value : `${scheme}${after.toString("base64")}`;
  }
  return replaceInText(value, finder, FRAMING.has(name) ? NOWHERE : IN_FIELD);
}

/** Of fields in which no secret goes anywhere. Throws a BlockedSecret. */
export function refuseIn(headers: RawHeaders, finder: PlaceholderFinder<Meaning>): void {
  for (const text of headers) replaceInText(text, finder, NOWHERE);
}
