/** A preview's grant as this API shows it; its tokens are no part of it. */
import type { PreviewGrant } from "@fastvm/contract";
import type { PreviewGrantRecord } from "../../../engine/engine.ts";
import { firstMachineId } from "../ids.ts";
import { instantOf } from "./instant.ts";

export function previewGrantView(grant: PreviewGrantRecord): PreviewGrant {
  return {
    id: grant.id,
    machine_id: firstMachineId(grant.vmId),
    port: grant.port,
    token_kinds: [...grant.kinds],
    token_transport: grant.transport,
    principal_kind: "api_key",
    principal_id: grant.principalId,
    issued_at: instantOf(grant.issuedAt),
    expires_at: instantOf(grant.expiresAt),
    revoked_at: instantOf(grant.revokedAt),
    disabled_at: null,
    first_used_at: instantOf(grant.firstUsedAt),
    last_used_at: instantOf(grant.lastUsedAt),
    use_count: grant.requests + grant.webSockets,
    http_request_count: grant.requests,
    websocket_connection_count: grant.webSockets,
    bytes_in_count: grant.bytesIn,
    bytes_out_count: grant.bytesOut,
    last_error_code: grant.lastErrorCode,
    last_error_at: instantOf(grant.lastErrorAt),
    created_at: instantOf(grant.issuedAt),
    updated_at: instantOf(grant.updatedAt),
  };
}
