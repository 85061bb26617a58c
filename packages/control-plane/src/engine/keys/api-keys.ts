/** API keys: made once, shown once, kept as a digest. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { API_KEY_PREFIX, type ApiName, type OrgId } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { Records } from "../../store/records.ts";
import type { ApiKeyRow } from "../../store/schema.ts";

const KEY_BYTES = 32;

/** Longer header values cannot be a key; hashing them would be work for nothing. */
export const MAX_KEY_LENGTH = 512;

/** In the form that clients of the API know, with 256 random bits in base64url. */
export function generateApiKey(api: ApiName = "fastvm"): string {
  return API_KEY_PREFIX[api] + randomBytes(KEY_BYTES).toString("base64url");
}

/** A plain digest is enough: a key of 256 random bits cannot be guessed from it, unlike a password. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** What the operator chooses or makes for FastVM's own API. */
export async function storeApiKey(records: Records, orgId: OrgId, key: string, clock: Clock): Promise<void> {
  await records.apiKeys.create(rowOf(orgId, key, "fastvm", clock));
}

/** A fresh key, seen here once and never again. */
export async function createKey(
  records: Records,
  orgId: OrgId,
  api: ApiName,
  clock: Clock,
): Promise<{ readonly key: string; readonly row: ApiKeyRow }> {
  const key = generateApiKey(api);
  const row = rowOf(orgId, key, api, clock);
  await records.apiKeys.create(row);
  return { key, row };
}

function rowOf(orgId: OrgId, key: string, api: ApiName, clock: Clock): ApiKeyRow {
  return { id: randomUUID(), orgId, keyHash: hashApiKey(key), createdAt: clock.now(), api };
}
