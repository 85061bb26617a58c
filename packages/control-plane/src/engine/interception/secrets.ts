/** Secrets of VMs as records have them: each value sealed for its organisation, by its name, so that a VM's descendants can open it. */
import type { OrgId, SecretRule } from "@fastvm/contract";
import { seal, unseal, type SealedFor } from "../../sealing/seal.ts";
import type { SealedSecret } from "../../store/vm-settings.ts";
import type { Parts } from "../context.ts";

/** As a client gives it. Without a value it keeps the one that it has. */
export interface GivenSecret extends SecretRule {
  readonly value?: string | undefined;
}

export function sealedForSecret(orgId: OrgId, name: string): SealedFor {
  return { orgId, purpose: "egress_secret", name };
}

/** By the secrets' names, of those that have a value. */
export async function sealValues(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  given: readonly GivenSecret[],
): Promise<ReadonlyMap<string, string>> {
  const valued = given.flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value }]));
  if (valued.length === 0) return new Map();
  const key = await ctx.sealing.newest();
  return new Map(
    valued.map(({ name, value }) => [name, seal(key, value, sealedForSecret(orgId, name))] as const),
  );
}

/** Rejects with an error that is no caller's fault when the key is gone. */
export async function openSecret(
  ctx: Parts<"sealing">,
  orgId: OrgId,
  { name, sealed }: Pick<SealedSecret, "name" | "sealed">,
): Promise<string> {
  return unseal(await ctx.sealing.of(sealed), sealed, sealedForSecret(orgId, name));
}
