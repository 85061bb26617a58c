/**
 * The token that requests to a VM's ports need where its traffic is private. It is told with the VM's making: also to who repeats
 * that order under its key, which is why it is kept, sealed. Each VM has its own, whatever it was made from.
 */
import type { OrgId, VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VmSettings } from "../../store/vm-settings.ts";
import type { Parts } from "../context.ts";
import { SealedValues, type SealedValue } from "../secrets/sealed-values.ts";
import { digestOf, newTrafficSecret } from "./preview-tokens.ts";

const PURPOSE = "traffic_token";

/** To be written with the VM's record. */
export interface TrafficToken {
  readonly digest: string;
  readonly sealed: SealedValue;
}

/** `undefined` where the traffic is public. Before the transaction of the record. */
export async function newTrafficToken(
  ctx: Parts<"sealing" | "store">,
  orgId: OrgId,
  vmId: VmId,
  { privateTraffic }: Pick<VmSettings, "privateTraffic">,
): Promise<TrafficToken | undefined> {
  if (!privateTraffic) return undefined;
  const token = newTrafficSecret();
  const sealed = await new SealedValues(ctx).seal(orgId, PURPOSE, vmId, token);
  return { digest: digestOf(token), sealed };
}

/** For whoever had it made. */
export async function openTrafficToken(
  ctx: Parts<"sealing" | "store">,
  { orgId, id, trafficTokenDigest }: Pick<VmRecord, "orgId" | "id" | "trafficTokenDigest">,
): Promise<string | undefined> {
  if (trafficTokenDigest === null) return undefined;
  return new SealedValues(ctx).open(orgId, PURPOSE, id);
}
