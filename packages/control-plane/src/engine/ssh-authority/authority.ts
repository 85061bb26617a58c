/**
 * The SSH authority of an organisation. Its private key is a sealed value, whose name is the public key: so who may log in is told without
 * opening it. VMs trust it by a line among root's authorized keys, which is in force at once and needs nothing of the image's own
 * configuration of sshd; the line names the VM, so that a certificate opens one and none of its forks, siblings or restores.
 */
import { generateKeyPairSync } from "node:crypto";
import type { OrgId, VmId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { SealedValues } from "../secrets/sealed-values.ts";
import { privateKeyOf, publicKeyLine } from "./certificate.ts";

const PURPOSE = "ssh_ca";

/** Lines for the file of those who may log in; none for an organisation that never asked for a certificate. */
export async function trustedAuthorities(
  { sealedValues }: Pick<Records, "sealedValues">,
  { id, orgId }: Pick<VmRecord, "id" | "orgId">,
): Promise<readonly string[]> {
  const names = await sealedValues.names(orgId, PURPOSE);
  return names.map((publicKey) => `cert-authority,principals="${principalOf(id)}",restrict,pty ${publicKey}`);
}

/** What a certificate for this VM names. */
export function principalOf(id: VmId): string {
  return `vm-${id}`;
}

/** Made with the first certificate; all running VMs of the organisation are owed the line from then on. Resolves to its private key. */
export async function authorityOf(ctx: Parts<"sealing" | "store">, orgId: OrgId) {
  const secrets = new SealedValues(ctx);
  const [name = await make(ctx, secrets, orgId)] = await ctx.store.sealedValues.names(orgId, PURPOSE);
  const pem = await secrets.open(orgId, PURPOSE, name);
  if (pem === undefined) throw new Error("an organisation's SSH authority is gone");
  return privateKeyOf(pem);
}

/** Of several that are made at once, the first that is written is everybody's. */
async function make(ctx: Parts<"store">, secrets: SealedValues, orgId: OrgId): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const name = publicKeyLine(publicKey);
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const sealed = await secrets.seal(orgId, PURPOSE, name, pem);
  return await ctx.store.transaction(async (records) => {
    await records.organisations.lock(orgId);
    const [other] = await records.sealedValues.names(orgId, PURPOSE);
    if (other !== undefined) return other;
    await sealed.write(records);
    await records.owed.putForAll(orgId, "keys");
    return name;
  });
}
