/** Builds request paths: each segment percent-encoded but for what RFC 3986 allows in one. */
import { FastvmError } from "../errors.ts";

/** encodeURIComponent also encodes these, which a path segment may carry as they are. */
const ALLOWED_IN_SEGMENT = /%(?:24|26|2B|2C|3A|3B|3D|40)/g;

/**
 * Joins segments to `/a/b/c`. Throws for `.`, `..` and empty segments: a URL parser would resolve them away and the
 * call would reach another resource.
 */
export function joinPath(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeSegment(segment)}`).join("");
}

function encodeSegment(segment: string): string {
  if (segment === "" || segment === "." || segment === "..") {
    throw new FastvmError(`${JSON.stringify(segment)} cannot be an id or a name`);
  }
  return encodeURIComponent(segment).replace(ALLOWED_IN_SEGMENT, decodeURIComponent);
}
