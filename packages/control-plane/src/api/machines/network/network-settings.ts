/** What an order of a machine says of its network, as the engine's settings. What is undefined is the source's. */
import { FastvmError, type CreateMachineBody } from "@fastvm/contract";
import type { WrittenNetwork } from "../../../engine/engine.ts";
import { legacyEgress, withEgress } from "./egress-policy.ts";

interface NetworkSettings {
  readonly network: WrittenNetwork | undefined;
  readonly privateTraffic: boolean | undefined;
  readonly maskHost: string | undefined;
}

type Fields = Pick<CreateMachineBody, "network" | "internet_access" | "snapshot_id">;

export function networkSettings(body: Fields): NetworkSettings {
  const isPublic = body.network?.allow_public_traffic ?? undefined;
  return {
    network: networkOf(body),
    privateTraffic: isPublic === undefined ? undefined : !isPublic,
    maskHost: body.network?.mask_request_host ?? undefined,
  };
}

function networkOf({ network, internet_access, snapshot_id }: Fields): WrittenNetwork | undefined {
  const egress = network?.egress ?? undefined;
  const denied = network?.deny_out ?? [];
  const allowed = network?.allow_out ?? [];
  const isLegacy = denied.length + allowed.length > 0;
  const said = [
    ...(egress === undefined ? [] : ["network.egress"]),
    ...(denied.length === 0 ? [] : ["network.deny_out"]),
    ...(allowed.length === 0 ? [] : ["network.allow_out"]),
    ...((internet_access ?? undefined) === undefined ? [] : ["internet_access"]),
  ];
  const [first] = said;
  if (first === undefined) return undefined;
  if ((snapshot_id ?? undefined) !== undefined)
    throw invalid(first, "is the snapshot's, where there is snapshot_id");
  if (internet_access === false) return withEgress(undefined, { mode: "deny_all" }, "internet_access");
  if (egress !== undefined && isLegacy)
    throw invalid("network.egress", "says all of it: deny_out and allow_out are its older form");
  if (egress !== undefined) return withEgress(undefined, egress, "network.egress");
  return isLegacy ? legacyEgress({ denied, allowed }) : undefined;
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
