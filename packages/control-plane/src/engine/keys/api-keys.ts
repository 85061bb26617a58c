/** API keys: made once, shown once, kept as a digest. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { API_KEY_PREFIX, FastvmError, normalizeName } from "@fastvm/contract";
import { SCOPES, type ApiName, type OrgId, type Scope } from "@fastvm/contract";
import type { Clock } from "../../clock.ts";
import type { Records } from "../../store/records.ts";
import type { ApiKeyRow } from "../../store/schema.ts";

const KEY_BYTES = 32;

/** Longer header values cannot be a key; hashing them would be work for nothing. */
export const MAX_KEY_LENGTH = 512;
/** What a program needs that works with VMs; keys it need not make. */
const DEFAULT_SCOPES: readonly Scope[] = ["manage"];
/** Of whoever made the daemon: all of one organisation. */
const OWNER_SCOPES: readonly Scope[] = ["admin"];

/** Nothing that a key could be guessed or compared by. */
export interface KeyRecord {
  readonly id: string;
  readonly orgId: OrgId;
  readonly api: ApiName;
  readonly name: string | undefined;
  readonly scopes: readonly Scope[];
  /** Milliseconds since 1970, like all instants here. Absent: never. */
  readonly expiresAt: number | undefined;
  /** To the minute or so. Absent: never. */
  readonly lastUsedAt: number | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly createdAt: number;
}

/** What a new key is to be. */
export interface KeyOrder {
  /** Default: FastVM's own. */
  readonly api?: ApiName | undefined;
  readonly name?: string | undefined;
  /** Default: `manage`. */
  readonly scopes?: readonly Scope[] | undefined;
  /** Absent: it does not expire. */
  readonly expiresAt?: number | undefined;
  /** Absent: as many as there are. */
  readonly requestsPerMinute?: number | undefined;
}

/** In the form that clients of the API know, with 256 random bits in base64url. */
export function generateApiKey(api: ApiName = "fastvm"): string {
  return API_KEY_PREFIX[api] + randomBytes(KEY_BYTES).toString("base64url");
}

/** A plain digest is enough: a key of 256 random bits cannot be guessed from it, unlike a password. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** What the operator chooses or makes for FastVM's own API, with all that an organisation's owner may do. */
export async function storeApiKey(records: Records, orgId: OrgId, key: string, clock: Clock): Promise<void> {
  await records.apiKeys.create(rowOf(orgId, key, { scopes: OWNER_SCOPES }, clock));
}

/** A fresh key, seen here once and never again. */
export async function createKey(
  records: Records,
  orgId: OrgId,
  order: KeyOrder,
  clock: Clock,
): Promise<KeyRecord & { readonly key: string }> {
  const key = generateApiKey(order.api);
  const row = rowOf(orgId, key, order, clock);
  await records.apiKeys.create(row);
  return { ...recordOf(row), key };
}

export function recordOf(row: ApiKeyRow): KeyRecord {
  return {
    id: row.id,
    orgId: row.orgId,
    api: row.api,
    name: row.name ?? undefined,
    scopes: scopesOf(row),
    expiresAt: row.expiresAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
    requestsPerMinute: row.requestsPerMinute ?? undefined,
    createdAt: row.createdAt,
  };
}

/** A word that a newer version wrote grants nothing here. */
export function scopesOf({ scopes }: Pick<ApiKeyRow, "scopes">): Scope[] {
  const words = scopes.split(",");
  return SCOPES.filter((scope) => words.includes(scope));
}

function rowOf(orgId: OrgId, key: string, order: KeyOrder, clock: Clock): ApiKeyRow {
  const { api = "fastvm", name = "", scopes = DEFAULT_SCOPES, expiresAt, requestsPerMinute } = order;
  const now = clock.now();
  if (scopes.length === 0)
    throw new FastvmError("invalid_request", "a key needs a scope", { field: "scopes" });
  if (expiresAt !== undefined && !(expiresAt > now))
    throw new FastvmError("invalid_request", "a key expires in the future", { field: "expiresAt" });
  return {
    id: randomUUID(),
    orgId,
    keyHash: hashApiKey(key),
    createdAt: now,
    api,
    name: normalizeName(name) || null,
    scopes: [...new Set(scopes)].join(","),
    expiresAt: expiresAt ?? null,
    lastUsedAt: null,
    requestsPerMinute: requestsPerMinute ?? null,
  };
}
