/** Ends an organisation: nobody has its keys any more, then goes what it has, then what is known of it. */
import { FastvmError } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { OrganisationRow } from "../../store/schema.ts";
import type { Parts } from "../context.ts";
import { findOrganisation } from "../organisations/organisations.ts";
import { deleteSnapshot } from "../snapshots/delete-snapshot.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { deleteVolume } from "../volumes/delete.ts";

interface RemoveOrganisation {
  readonly organisation: string;
  /** With its VMs, snapshots and volumes; else one that has any is left as it is. */
  readonly force: boolean;
}

/** It and all that it had are gone when this resolves. One that was cut off is asked for again. */
export async function removeOrganisation(
  ctx: DeleteVmContext & Parts<"lendRoom">,
  order: RemoveOrganisation,
  actor: string,
): Promise<OrganisationRow> {
  const found = await ctx.store.transaction((records) => close(records, order));
  if (order.force) await empty(ctx, found, actor);
  await ctx.store.transaction(async (records) => {
    await records.organisations.lock(found.id);
    await refuseUnlessEmpty(records, found);
    await records.organisations.remove(found.id);
  });
  return found;
}

/** From here on nobody makes anything in it. */
async function close(
  records: Records,
  { organisation, force }: RemoveOrganisation,
): Promise<OrganisationRow> {
  const found = await findOrganisation(records, organisation);
  const first = await records.organisations.first();
  if (found.id === first?.id)
    throw new FastvmError("conflict", `${found.name} is the daemon's own organisation, which stays`);
  await records.organisations.lock(found.id);
  if (!force) await refuseUnlessEmpty(records, found);
  // It ends by itself, and makes a snapshot until then.
  const builds = await records.builds.countUnfinished(found.id);
  if (builds > 0) throw new FastvmError("conflict", `${found.name} builds an image; cancel that first`);
  for (const { id } of await records.apiKeys.list(found.id)) await records.apiKeys.remove(id);
  for (const { id } of await records.warmPools.list(found.id))
    await records.warmPools.update(id, { state: "deleted" });
  return found;
}

async function empty(ctx: DeleteVmContext, { id: orgId }: OrganisationRow, actor: string): Promise<void> {
  const { store } = ctx;
  for (const vm of await store.vms.list(orgId, undefined)) await deleteVm(ctx, vm, actor);
  for (const snapshot of await store.snapshots.list(orgId)) await deleteSnapshot(ctx, snapshot, actor);
  const caller = { orgId, keyId: actor };
  for (const { id } of await store.volumes.list(orgId)) await deleteVolume(ctx, caller, id);
}

async function refuseUnlessEmpty(records: Records, { id, name }: OrganisationRow): Promise<void> {
  const counts = {
    VMs: (await records.vms.list(id, undefined)).length,
    snapshots: (await records.snapshots.list(id)).length,
    volumes: (await records.volumes.list(id)).length,
  };
  const has = Object.entries(counts).filter(([, count]) => count > 0);
  if (has.length === 0) return;
  const words = has.map(([what, count]) => `${count} ${what}`).join(", ");
  throw new FastvmError("conflict", `${name} still has ${words}`);
}
