/** What an organisation's VMs and snapshots take of the disk, and what is free there. */
import type { DiskShare } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";

export interface OrganisationDiskUsage {
  readonly host: { readonly totalBytes: number; readonly freeBytes: number };
  readonly usedBytes: number;
  readonly vms: readonly NamedShare[];
  readonly snapshots: readonly NamedShare[];
}

interface NamedShare extends DiskShare {
  readonly id: string;
}

export async function diskUsageOf(
  { store, worker }: Parts<"store" | "worker">,
  { orgId }: Caller,
): Promise<OrganisationDiskUsage> {
  const vmIds = (await store.vms.list(orgId, undefined)).map(({ id }) => id);
  const snapshotIds = (await store.snapshots.list(orgId)).map(({ id }) => id);
  const { usedBytes, vms, snapshots } = await worker.diskUsage({ vmIds, snapshotIds });
  const { diskTotalBytes, diskFreeBytes } = await worker.capacity();
  return {
    host: { totalBytes: diskTotalBytes, freeBytes: diskFreeBytes },
    usedBytes,
    vms: named(vmIds, vms),
    snapshots: named(snapshotIds, snapshots),
  };
}

function named(ids: readonly string[], shares: readonly DiskShare[]): NamedShare[] {
  return shares.flatMap((share, index) => {
    const id = ids[index];
    return id === undefined ? [] : [{ id, usedBytes: share.usedBytes, ownBytes: share.ownBytes }];
  });
}
