/** Where the requests of one connection go: one server, one connection to it, one set of secrets. */
import type { Duplex } from "node:stream";
import type { PlaceholderFinder } from "../secrets/find-placeholders.ts";
import type { BlockedSecret, Meaning } from "../secrets/gate.ts";

export interface Route {
  /** The name that every request must be for; absent: whatever it says, as nobody named one. */
  readonly name: string | undefined;
  readonly port: number;
  readonly isTls: boolean;
  readonly finder: PlaceholderFinder<Meaning>;
  readonly upstream: Duplex;
  blocked(error: BlockedSecret, host: string): void;
}

/** Whether a request is for the server that the connection was made to: what was decided about that one holds for no other. */
export function isForRoute({ name, port, isTls }: Route, authority: string | undefined): boolean {
  if (name === undefined) return true;
  const match = /^([^:@/?#[\]]+)(?::(\d{1,5}))?$/.exec(authority ?? "");
  if (match === null) return false;
  const [, host = "", given] = match;
  const wanted = given === undefined ? (isTls ? 443 : 80) : Number(given);
  // A server on another port than the usual one is named with it, and not by everybody.
  return hostOf(host) === name && (wanted === port || given === undefined);
}

function hostOf(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

/** The host of an authority, for whoever is told. */
export function nameIn(authority: string | undefined): string | undefined {
  const match = /^([^:@/?#[\]]+)(?::\d{1,5})?$/.exec(authority ?? "");
  return match?.[1] === undefined ? undefined : hostOf(match[1]);
}
