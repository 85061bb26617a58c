/**
 * The authority by which an organisation's connections are intercepted: one for all its VMs, made when the first needs it, so that what is
 * restored or forked trusts it already, and no other organisation's guest does.
 */
import type { AuthorityKeys, OrgId } from "@fastvm/contract";
import { makeAuthority } from "@fastvm/egress-proxy";
import { seal, unseal } from "../../sealing/seal.ts";
import type { Parts } from "../context.ts";

const PURPOSE = "egress_authority";

export async function authorityOf(ctx: Parts<"sealing" | "store">, orgId: OrgId): Promise<AuthorityKeys> {
  return (await readAuthority(ctx, orgId)) ?? (await recordAuthority(ctx, orgId));
}

async function recordAuthority(ctx: Parts<"sealing" | "store">, orgId: OrgId): Promise<AuthorityKeys> {
  const sealedFor = { orgId, purpose: PURPOSE, name: "" };
  const sealed = seal(await ctx.sealing.newest(), JSON.stringify(await makeAuthority()), sealedFor);
  await ctx.store.transaction((records) => records.sealedValues.putFirst({ ...sealedFor, sealed }));
  const recorded = await readAuthority(ctx, orgId);
  if (recorded === undefined)
    throw new Error("the authority of an organisation is gone as soon as it is made");
  return recorded;
}

async function readAuthority(
  ctx: Parts<"sealing" | "store">,
  orgId: OrgId,
): Promise<AuthorityKeys | undefined> {
  const row = await ctx.store.sealedValues.get(orgId, PURPOSE, "");
  if (row === undefined) return undefined;
  return JSON.parse(unseal(await ctx.sealing.of(row.sealed), row.sealed, row)) as AuthorityKeys;
}
