/** For whom an object is staged: a VM, or an organisation that builds images of it. */
import type { OrgId, VmId } from "@fastvm/contract";

const OF_ORGANISATION = "org-";

type OrgHolder = `org-${string}`;
export type StagingHolder = VmId | OrgHolder;

export function holderOf(orgId: OrgId): OrgHolder {
  return `${OF_ORGANISATION}${orgId}`;
}

/** `undefined` for a VM's. */
export function organisationOf(holder: StagingHolder): OrgId | undefined {
  return holder.startsWith(OF_ORGANISATION) ? (holder.slice(OF_ORGANISATION.length) as OrgId) : undefined;
}
