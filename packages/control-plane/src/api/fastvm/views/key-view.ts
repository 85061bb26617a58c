/** A key as the API shows it: without itself. */
import type { KeyView } from "@fastvm/contract";
import type { KeyRecord } from "../../../engine/engine.ts";
import { timestamp } from "./timestamp.ts";

export function keyView({ createdAt, expiresAt, lastUsedAt, scopes, name, ...key }: KeyRecord): KeyView {
  const { requestsPerMinute } = key;
  return {
    id: key.id,
    orgId: key.orgId,
    api: key.api,
    ...(name !== undefined && { name }),
    scopes: [...scopes],
    createdAt: timestamp(createdAt),
    ...(expiresAt !== undefined && { expiresAt: timestamp(expiresAt) }),
    ...(lastUsedAt !== undefined && { lastUsedAt: timestamp(lastUsedAt) }),
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
  };
}
