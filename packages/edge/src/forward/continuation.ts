/**
 * The cookie that goes on for a URL's token: links, assets and reloads of a preview come without the token. It opens no WebSocket, is sent
 * to the preview alone and is out of reach for its scripts.
 */
import { CONTINUATION_COOKIE } from "@fastvm/contract";
import type { Destination } from "../address/find-service.ts";
import type { BackendCall } from "../backend/call.ts";
import type { Entry } from "../backend/entry.ts";
import type { ClientRequest } from "../client-request.ts";
import { findOuterPrefix, schemeOf } from "../headers/forwarded.ts";

/** The call, whose answer sets the cookie where the request came by a URL with its token. */
export function continuing<Call extends Pick<BackendCall, "answer">>(
  call: Call,
  request: ClientRequest,
  { prefix }: Destination,
  { continuation }: Entry,
): Call {
  if (continuation === undefined) return call;
  const { cookie, maxAgeSec } = continuation;
  const path = prefix === "" ? "/" : `${findOuterPrefix(request)}${prefix}/`;
  // Previews are shown in frames of other sites' pages, to which browsers send cookies only so, and only over TLS.
  const site = schemeOf(request) === "https" ? "Secure; SameSite=None" : "SameSite=Lax";
  const value = `${CONTINUATION_COOKIE}=${cookie}; Path=${path}; Max-Age=${maxAgeSec}; HttpOnly; ${site}`;
  const answer = call.answer.then((whole) => ({
    ...whole,
    headers: [...whole.headers, "Set-Cookie", value],
  }));
  answer.catch(() => undefined);
  return { ...call, answer };
}
