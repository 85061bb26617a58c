/** Organisations: whose VMs are whose, and what each may use. */
import { FastvmError, newOrgId, normalizeName, type OrgId, type ResourceAmounts } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { Records } from "../../store/records.ts";
import { pickReferenced } from "../../store/references.ts";
import type { OrganisationRow } from "../../store/schema.ts";

/** Names need not be unique, as with VMs. */
export async function createOrganisation(
  records: Records,
  name: string,
  limits: ResourceAmounts,
  clock: Clock,
): Promise<{ readonly id: OrgId; readonly name: string; readonly createdAt: number }> {
  const organisation = { id: newOrgId(), name: normalizeName(name), createdAt: clock.now() };
  if (organisation.name === "") {
    throw new FastvmError("invalid_request", "an organisation needs a name", { field: "name" });
  }
  await records.organisations.create({ ...organisation, limits });
  return organisation;
}

/** By id, unique name or unique beginning of an id; without a reference the first one, which a daemon makes for its owner. */
export async function findOrganisation(
  records: Records,
  reference: string | undefined,
): Promise<OrganisationRow> {
  const found =
    reference === undefined
      ? await records.organisations.first()
      : pickReferenced(reference, await records.organisations.list());
  if (found === undefined) throw new FastvmError("not_found", `there is no organisation ${reference ?? ""}`);
  return found;
}
