/** What an organisation may use, what it uses, and what the host has. */
import type { OrgId, ResourceAmounts } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";

export interface OrganisationUsage {
  readonly orgId: OrgId;
  readonly limits: ResourceAmounts;
  readonly usage: ResourceAmounts;
  readonly host: { readonly memoryMib: number; readonly promisedMemoryMib: number };
}

export async function usageOf(
  { store, worker }: Parts<"store" | "worker">,
  { orgId }: Caller,
): Promise<OrganisationUsage> {
  const { organisations, snapshots, vms, volumes } = store;
  const limits = await organisations.limits(orgId);
  const usage = {
    ...(await vms.usage(orgId)),
    snapshotCount: await snapshots.count(orgId),
    ...(await volumes.usage(orgId)),
  };
  const { memoryMib } = await worker.capacity();
  return { orgId, limits, usage, host: { memoryMib, promisedMemoryMib: await vms.promisedMemoryMib() } };
}
