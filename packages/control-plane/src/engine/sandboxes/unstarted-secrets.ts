/** Secrets of sandboxes that were never started: sealed beside the record, until a VM has them. */
import { FastvmError } from "@fastvm/contract";
import { seal, unseal, type SealedFor } from "../../sealing/seal.ts";
import type { Records } from "../../store/records.ts";
import type { SandboxRecord } from "../../store/sandbox-repository.ts";
import type { Parts } from "../context.ts";
import type { SealedValue } from "../secrets/sealed-values.ts";
import type { LaunchOrder } from "../vms/launch.ts";

type Whose = Pick<SandboxRecord, "id" | "orgId">;

const PURPOSE = "sandbox_secrets";

function sealedForSandbox({ id, orgId }: Whose): SealedFor {
  return { orgId, purpose: PURPOSE, name: id };
}

/** All of one sandbox are one value. `undefined`: it has none. */
export async function sealSecrets(
  { sealing }: Parts<"sealing">,
  sandbox: Whose,
  { interception }: LaunchOrder,
): Promise<SealedValue | undefined> {
  const values = (interception?.secrets ?? []).flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  if (values.length === 0) return undefined;
  const row = sealedForSandbox(sandbox);
  const sealed = seal(await sealing.newest(), JSON.stringify(Object.fromEntries(values)), row);
  return { write: (records) => records.sealedValues.put({ ...row, sealed }) };
}

/** The order with the values that it was created with. */
export async function withSecrets(
  { sealing, store }: Parts<"sealing" | "store">,
  sandbox: Whose,
  order: LaunchOrder,
): Promise<LaunchOrder> {
  const secrets = order.interception?.secrets ?? [];
  if (secrets.length === 0) return order;
  const { orgId, purpose, name } = sealedForSandbox(sandbox);
  const row = await store.sealedValues.get(orgId, purpose, name);
  if (row === undefined) throw new FastvmError("conflict", "it was started or deleted meanwhile");
  const values = new Map(
    Object.entries(
      JSON.parse(unseal(await sealing.of(row.sealed), row.sealed, row)) as Record<string, string>,
    ),
  );
  const valued = secrets.map((secret) => {
    const value = values.get(secret.name);
    return { ...secret, ...(value === undefined ? {} : { value }) };
  });
  return { ...order, interception: { ...order.interception, secrets: valued } };
}

export async function forgetSecrets({ sealedValues }: Records, sandbox: Whose): Promise<void> {
  const { orgId, purpose, name } = sealedForSandbox(sandbox);
  await sealedValues.remove(orgId, purpose, name);
}
