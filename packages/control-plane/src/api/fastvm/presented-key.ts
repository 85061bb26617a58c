import type { IncomingHttpHeaders } from "node:http";

/** From `X-API-Key`, else from `Authorization: Bearer`. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const header = headers["x-api-key"];
  return typeof header === "string" && header !== "" ? header : bearerToken(headers.authorization);
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S.*)$/i.exec(authorization ?? "")?.[1]?.trim();
}
