/** The name of a request in its answer and in the log. A service's own answer may bring another, which stays. */
import { REQUEST_ID_HEADER, requestIdOf } from "@fastvm/contract";
import type { ClientRequest } from "../client-request.ts";

const ids = new WeakMap<ClientRequest, string>();

/** The same whenever it is asked for. */
export function idOf(request: ClientRequest): string {
  const known = ids.get(request);
  if (known !== undefined) return known;
  const id = requestIdOf(request.headers[REQUEST_ID_HEADER]);
  ids.set(request, id);
  return id;
}

/** Headers of an answer, names and values in turn, with the request's id unless they have one. */
export function withRequestId(headers: readonly string[], request: ClientRequest): string[] {
  const names = headers.filter((_text, index) => index % 2 === 0);
  const has = names.some((name) => name.toLowerCase() === REQUEST_ID_HEADER);
  return has ? [...headers] : [...headers, REQUEST_ID_HEADER, idOf(request)];
}
