import type { IncomingHttpHeaders } from "node:http";

/** From `Authorization: Bearer`, and nowhere else. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
}
