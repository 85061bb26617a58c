/** Credentials of buckets: sealed in records, for one organisation and one bucket, and opened for the worker alone. */
import type { BucketCredentials, BucketSource, OrgId, VolumeMount } from "@fastvm/contract";
import { seal, unseal, type SealedFor } from "../../sealing/seal.ts";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import type { MountOrder } from "./mount-list.ts";

export function sealedForBucket(orgId: OrgId, uri: string): SealedFor {
  return { orgId, purpose: "bucket", name: uri };
}

/** Before the transaction that records them, as that holds locks that others wait for. */
export async function sealOrders(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  orders: readonly MountOrder[],
): Promise<readonly MountOrder[]> {
  return await Promise.all(orders.map((order) => sealOrder(ctx, orgId, order)));
}

export async function sealOrder(ctx: Parts<"sealing">, orgId: OrgId, order: MountOrder): Promise<MountOrder> {
  if (order.source?.kind !== "bucket") return order;
  const { credentials, ...source } = order.source;
  if (credentials === undefined) return order;
  return { ...order, source: await sealedSource(ctx, orgId, source, credentials) };
}

export async function sealedSource(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  source: BucketSource,
  credentials: BucketCredentials,
): Promise<BucketSource> {
  const key = await ctx.sealing.newest();
  return { ...source, sealed: seal(key, JSON.stringify(credentials), sealedForBucket(orgId, source.uri)) };
}

/** As the worker is told of it. Credentials that cannot be opened are not told, and the worker says that it has none. */
export async function toldMount(
  ctx: Parts<"sealing">,
  { orgId }: Pick<VmRecord, "orgId">,
  { failure: _before, ...mount }: RecordedMount,
): Promise<VolumeMount> {
  if (mount.source?.kind !== "bucket") return mount;
  const { sealed, ...source } = mount.source;
  const credentials = sealed === undefined ? undefined : await opened(ctx, orgId, source.uri, sealed);
  return { ...mount, source: { ...source, ...(credentials && { credentials }) } };
}

async function opened(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  uri: string,
  sealed: string,
): Promise<BucketCredentials | undefined> {
  try {
    const text = unseal(await ctx.sealing.of(sealed), sealed, sealedForBucket(orgId, uri));
    return JSON.parse(text) as BucketCredentials;
  } catch {
    // The key is gone, which is no fault of who starts the VM.
    return undefined;
  }
}
