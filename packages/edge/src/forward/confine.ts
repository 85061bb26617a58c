/** A service that is reached by path, in its bounds. */
import { findOuterPrefix } from "../headers/forwarded.ts";
import { pathScope, type PathScope } from "../headers/path-scope.ts";
import type { Destination } from "../address/find-service.ts";
import { hostsOf } from "../address/hosts.ts";
import type { BackendAnswer, BackendCall } from "../backend/call.ts";
import type { ClientRequest } from "../client-request.ts";

/** `undefined`: the service has a host name, and so an origin, of its own. */
export function scopeOf(request: ClientRequest, destination: Destination): PathScope | undefined {
  const { kind, address, prefix } = destination;
  if (prefix === "") return undefined;
  const owner = `${address.vmId} ${kind === "service" ? destination.address.service : `:${destination.address.port}`}`;
  return pathScope(owner, prefix, hostsOf(request)[0] ?? "", `${findOuterPrefix(request)}${prefix}`);
}

/** The call, whose answer says nothing that concerns others. */
export function confine<Call extends Pick<BackendCall, "answer">>(
  call: Call,
  scope: PathScope | undefined,
): Call {
  if (scope === undefined) return call;
  const answer = call.answer.then((whole) => confinedAnswer(whole, scope));
  answer.catch(() => undefined);
  return { ...call, answer };
}

function confinedAnswer(answer: BackendAnswer, scope: PathScope): BackendAnswer {
  return {
    ...answer,
    headers: scope.answer(answer.headers),
    trailers: () => scope.withoutPage(answer.trailers()),
  };
}
