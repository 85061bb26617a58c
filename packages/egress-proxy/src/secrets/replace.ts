/** Puts values in the place of placeholders, written as their surroundings are. */
import type { EgressSecret } from "@fastvm/contract";
import type { Found, PlaceholderFinder } from "./find-placeholders.ts";
import { BlockedSecret, type Meaning } from "./gate.ts";

/** How a value is written when nothing about its placeholder tells. */
export type Writing = "as it is" | "percent" | "json";

export interface Place {
  readonly writing: Writing;
  /** Whether the secret is asked for in such a place; otherwise its placeholder stays. */
  readonly wants: (secret: EgressSecret) => boolean;
}

/** Throws a BlockedSecret for one that may not go there. */
export function replaceFound(
  bytes: Buffer,
  found: readonly Found<Meaning>[],
  { writing, wants }: Place,
): Buffer {
  if (found.length === 0) return bytes;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, of, isPercent, isJson } of found) {
    if (of.kind === "blocked") throw new BlockedSecret(of.secret, of.reason);
    if (!wants(of.secret)) continue;
    const form = isPercent ? "percent" : isJson ? "json" : writing;
    parts.push(bytes.subarray(at, start), written(of.secret.value, form));
    at = end;
  }
  return Buffer.concat([...parts, bytes.subarray(at)]);
}

/** Of what is there as a whole. */
export function replaceIn(bytes: Buffer, finder: PlaceholderFinder<Meaning>, place: Place): Buffer {
  return replaceFound(bytes, finder.search(bytes, true).found, place);
}

/** The same of a header's text, whose characters are bytes. */
export function replaceInText(text: string, finder: PlaceholderFinder<Meaning>, place: Place): string {
  const bytes = Buffer.from(text, "latin1");
  const replaced = replaceIn(bytes, finder, place);
  return replaced === bytes ? text : replaced.toString("latin1");
}

function written(value: string, form: Writing): Buffer {
  if (form === "percent") return Buffer.from(percentEncoded(value));
  return Buffer.from(form === "json" ? JSON.stringify(value).slice(1, -1) : value);
}

/** All but what RFC 3986 reserves for nothing. */
function percentEncoded(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
