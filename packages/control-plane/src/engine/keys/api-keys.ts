/** API keys: made once, shown once, kept as a digest. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { CREDENTIAL_PREFIX, type OrgId } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { Records } from "../../store/records.ts";

const KEY_BYTES = 32;

/** Longer header values cannot be a key; hashing them would be work for nothing. */
export const MAX_KEY_LENGTH = 512;

/** `fvm_` and 256 random bits in base64url. */
export function generateApiKey(): string {
  return CREDENTIAL_PREFIX.apiKey + randomBytes(KEY_BYTES).toString("base64url");
}

/** A plain digest is enough: a key of 256 random bits cannot be guessed from it, unlike a password. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

export async function storeApiKey(records: Records, orgId: OrgId, key: string, clock: Clock): Promise<void> {
  await records.apiKeys.create({
    id: randomUUID(),
    orgId,
    keyHash: hashApiKey(key),
    createdAt: clock.now(),
  });
}

/** From `X-API-Key`, else from `Authorization: Bearer`. */
export function presentedKey(headers: {
  "x-api-key"?: unknown;
  authorization?: string | undefined;
}): string | undefined {
  const header = headers["x-api-key"];
  const key = typeof header === "string" && header !== "" ? header : bearerToken(headers.authorization);
  return key === undefined || key.length > MAX_KEY_LENGTH ? undefined : key;
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S.*)$/i.exec(authorization ?? "")?.[1]?.trim();
}
