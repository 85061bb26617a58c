/**
 * Where the URLs begin that we hand out: at the host by which the client reached us,
 * which works from where it is, unless the operator has fixed another.
 */
import { FastvmError } from "@fastvm/contract";
import type { ControlPlaneConfig } from "../config.ts";

/** What parsers of URLs let through and no DNS has would go to shells, in the commands that clients make of our URLs. */
const HOSTNAME = /^([a-z0-9_.-]+|\[[0-9a-f:]+\])$/;

/** Throws `invalid_request` for a Host header that is more, or less, than a host and a port. */
export function publicBase(
  { publicUrl }: Pick<ControlPlaneConfig, "publicUrl">,
  { protocol, host }: { readonly protocol: string; readonly host: string },
): URL {
  const url = URL.parse(publicUrl ?? `${protocol}://${host}`);
  if (url === null || url.href !== `${url.origin}/` || !HOSTNAME.test(url.hostname)) {
    throw new FastvmError("invalid_request", "the Host header names no host");
  }
  return url;
}
