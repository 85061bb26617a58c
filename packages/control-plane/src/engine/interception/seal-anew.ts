/** Secrets in records, sealed with the newest key whatever another one has sealed; so that the other can be thrown away. */
import { seal, sealedWith } from "../../sealing/seal.ts";
import type { SealedSecret, WrittenInterception } from "../../store/vm-settings.ts";
import type { OrgId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import { openSecret, sealedForSecret } from "./secrets.ts";

/** Returns how many there were. */
export async function sealSecretsAnew(ctx: Parts<"sealing" | "store">): Promise<number> {
  const { store, sealing } = ctx;
  if (!(await sealing.isThere())) return 0;
  const newest = await sealing.newest();
  const isOld = ({ sealed }: SealedSecret): boolean => !sealed.startsWith(sealedWith(newest.id));
  let count = 0;
  const anew = async (orgId: OrgId, written: WrittenInterception): Promise<WrittenInterception> => ({
    ...written,
    secrets: await Promise.all(
      written.secrets.map(async (secret) => {
        if (!isOld(secret)) return secret;
        count += 1;
        const value = await openSecret(ctx, orgId, secret);
        return { ...secret, sealed: seal(newest, value, sealedForSecret(orgId, secret.name)) };
      }),
    ),
  });
  for (const repository of ["vms", "snapshots"] as const) {
    for (const { id, orgId, interception } of await store.interceptions.list(repository)) {
      if (interception.secrets.some(isOld))
        await store.interceptions.replace(repository, id, interception, await anew(orgId, interception));
    }
  }
  return count;
}
