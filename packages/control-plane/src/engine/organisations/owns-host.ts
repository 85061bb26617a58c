/** Whether what is the machine's own is for an organisation: its folders, its ports. */
import type { OrgId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";

/** The first organisation is that of whoever owns the machine: its key lies in the data folder, which is root's. */
export async function ownsHost(
  { organisations }: Pick<Records, "organisations">,
  orgId: OrgId,
): Promise<boolean> {
  return (await organisations.first())?.id === orgId;
}
