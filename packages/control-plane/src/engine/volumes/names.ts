/** Names of volumes: one of an organisation's has each. */
import { FastvmError } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { Caller } from "../caller.ts";

/** Call it under the organisation's lock. */
export async function assertNameFree(
  { volumes }: Pick<Records, "volumes">,
  { orgId }: Caller,
  name: string,
): Promise<void> {
  if (!(await volumes.isNameTaken(orgId, name))) return;
  throw new FastvmError("conflict", `a volume has the name ${name} already`, { field: "name" });
}
