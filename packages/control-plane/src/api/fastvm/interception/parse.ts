/** `tls` and `secrets` of a request, in the engine's words; `undefined`: it says nothing of either. `null` is left out. */
import type { SecretInput, TlsInput } from "@fastvm/contract";
import type { GivenInterception } from "../../../engine/engine.ts";

interface Given {
  readonly tls?: TlsInput | null | undefined;
  readonly secrets?: readonly SecretInput[] | null | undefined;
}

export function parseInterception({ tls, secrets }: Given): GivenInterception | undefined {
  const given = {
    ...(tls !== undefined && tls !== null && { tls: tlsOf(tls) }),
    ...(secrets !== undefined && secrets !== null && { secrets: secrets.map(secretOf) }),
  };
  return Object.keys(given).length === 0 ? undefined : given;
}

function tlsOf({
  upstreamCa,
  scopedUpstreamCa,
  scopedVerifyUpstream,
  ...rest
}: TlsInput): NonNullable<GivenInterception["tls"]> {
  return {
    ...rest,
    ...(upstreamCa !== undefined && { upstreamAuthorities: upstreamCa }),
    ...(scopedUpstreamCa !== undefined && { scopedAuthorities: scopedUpstreamCa }),
    ...(scopedVerifyUpstream !== undefined && { scopedVerification: scopedVerifyUpstream }),
  };
}

function secretOf({
  name,
  hosts,
  value,
  placeholder,
  injection,
  onViolation,
  passthroughHosts,
  requireTls,
}: SecretInput): NonNullable<GivenInterception["secrets"]>[number] {
  const given = { value, placeholder, injection, onViolation, passthroughHosts, requireTls };
  const present = Object.entries(given).filter(([, one]) => one !== undefined && one !== null);
  return { name, hosts, ...Object.fromEntries(present) };
}
