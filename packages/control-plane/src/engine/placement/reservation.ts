/** Quotas and room on the host, taken in the transaction that creates or wakes a VM. */
import { FastvmError, type OrgId, type ResourceAmounts, type WorkerCapacity } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { Parts } from "../context.ts";

type WantedResources = Pick<ResourceAmounts, "vcpu" | "memoryMiB" | "diskGiB">;

/** Locks out the organisation's other reservations until the transaction ends; throws `quota_exceeded` with the numbers. */
export async function reserveQuota(records: Records, orgId: OrgId, wanted: WantedResources): Promise<void> {
  await records.organisations.lock(orgId);
  const limits = await records.organisations.limits(orgId);
  const usage = await records.vms.usage(orgId);
  for (const resource of ["vcpu", "memoryMiB", "diskGiB"] as const) {
    assertWithinQuota(resource, limits[resource], usage[resource], wanted[resource]);
  }
}

export async function reserveSnapshotQuota(records: Records, orgId: OrgId): Promise<void> {
  await records.organisations.lock(orgId);
  const limits = await records.organisations.limits(orgId);
  assertWithinQuota("snapshotCount", limits.snapshotCount, await records.snapshots.count(orgId), 1);
}

/** `count` and GiB that come to what there is. */
export async function reserveVolumeQuota(
  records: Records,
  orgId: OrgId,
  wanted: Pick<ResourceAmounts, "volumeCount" | "volumeGiB">,
): Promise<void> {
  await records.organisations.lock(orgId);
  const limits = await records.organisations.limits(orgId);
  const usage = await records.volumes.usage(orgId);
  for (const resource of ["volumeCount", "volumeGiB"] as const) {
    assertWithinQuota(resource, limits[resource], usage[resource], wanted[resource]);
  }
}

function assertWithinQuota(
  resource: keyof ResourceAmounts,
  limit: number,
  used: number,
  wanted: number,
): void {
  if (used + wanted <= limit) return;
  throw new FastvmError(
    "quota_exceeded",
    `${resource}: ${used} of ${limit} are used and ${wanted} are wanted`,
  );
}

/** Whether the host has room beside what is promised already. Others wait until the transaction ends. */
export async function hasRoom(
  records: Records,
  capacity: WorkerCapacity,
  memoryMib: number,
): Promise<boolean> {
  await records.organisations.lockRoom();
  const promised = (await records.vms.promisedMemoryMib()) + (await records.quarantine.memoryMib());
  return promised + memoryMib <= capacity.memoryMib;
}

/** Whether a VM must wait: there is no room, or others have waited longer. Throws when the queue is full too. */
export async function mustQueue(
  ctx: Parts<"config">,
  records: Records,
  capacity: WorkerCapacity,
  memoryMib: number,
): Promise<boolean> {
  await records.organisations.lockRoom();
  const queued = await records.vms.countQueued();
  if (queued === 0 && (await hasRoom(records, capacity, memoryMib))) return false;
  if (queued >= ctx.config.maxQueuedVms) {
    throw new FastvmError("out_of_capacity", `${queued} VMs already wait for room`);
  }
  return true;
}
