/** Branded identifiers: a string that was checked once, at the boundary. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type VmId = Branded<"VmId">;
export type SnapshotId = Branded<"SnapshotId">;
export type OrgId = Branded<"OrgId">;
export type VolumeId = Branded<"VolumeId">;

export function newVmId(): VmId {
  return crypto.randomUUID() as VmId;
}

export function newSnapshotId(): SnapshotId {
  return crypto.randomUUID() as SnapshotId;
}

export function newOrgId(): OrgId {
  return crypto.randomUUID() as OrgId;
}

export function newVolumeId(): VolumeId {
  return crypto.randomUUID() as VolumeId;
}
