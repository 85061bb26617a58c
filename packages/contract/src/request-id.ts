/** The name of one request, in its answer's header, in its error and in the log: a client's own when it is well formed, else a new one. */
import { containsCredential } from "./credentials.ts";

export const REQUEST_ID_HEADER = "x-request-id";

/** What ids of clients and balancers are made of, and nothing that could break a line of a log; at most as long as theirs are. */
const WELL_FORMED = /^[A-Za-z0-9_.:+/=@-]{1,128}$/;

/** `given`: the header as Node has it. What could be a key is not repeated. */
export function requestIdOf(given: unknown): string {
  const isUsable = typeof given === "string" && WELL_FORMED.test(given) && !containsCredential(given);
  return isUsable ? given : crypto.randomUUID();
}
