/** How a VM's connections are intercepted, and its secrets without their values. */
import type { Secret, Tls, Vm } from "@fastvm/contract";
import type { VmRecord } from "../../../engine/engine.ts";

export function interceptionView({ interception }: VmRecord): Pick<Vm, "secrets" | "tls"> {
  if (interception === undefined) return {};
  const { secrets } = interception;
  return {
    tls: tlsView(interception.tls),
    ...(secrets.length > 0 && { secrets: secrets.map(secretView) }),
  };
}

function tlsView({
  ports,
  bypass,
  verifyUpstream,
  blockQuic,
  upstreamAuthorities,
  scopedAuthorities,
  scopedVerification,
  cache,
}: NonNullable<VmRecord["interception"]>["tls"]): Tls {
  return {
    ports: [...ports],
    bypass: [...bypass],
    verifyUpstream,
    blockQuic,
    upstreamCa: [...upstreamAuthorities],
    scopedUpstreamCa: [...scopedAuthorities],
    scopedVerifyUpstream: [...scopedVerification],
    cache,
  };
}

/** Field by field: what is not named here is not shown. */
function secretView({
  name,
  placeholder,
  hosts,
  injection,
  onViolation,
  passthroughHosts,
  requireTls,
}: NonNullable<VmRecord["interception"]>["secrets"][number]): Secret {
  return {
    name,
    placeholder,
    hosts: [...hosts],
    injection,
    onViolation,
    passthroughHosts: [...passthroughHosts],
    requireTls,
  };
}
