/** What this API calls the failures of the catalogue, and which of them an operation can answer. */
import type { ApiErrorCode, ErrorCode } from "../../errors/errors.ts";
import type { Operation } from "../operation.ts";

const NAMES: Partial<Record<ErrorCode, string>> = {
  malformed_json: "invalid_request",
  body_too_large: "invalid_request",
  vm_wrong_state: "machine_not_ready",
  snapshot_wrong_state: "conflict",
  snapshot_incompatible: "incompatible_snapshot",
  out_of_capacity: "capacity_exceeded",
  insufficient_scope: "forbidden",
  too_many_requests: "rate_limit_exceeded",
  guest_umount_busy: "volume_busy",
};

/** Where the field says more than the code. */
const NAMES_BY_FIELD: Partial<Record<ErrorCode, ReadonlyMap<string, string>>> = {
  not_found: new Map([
    ["vm", "machine_not_found"],
    ["pid", "process_not_found"],
    ["snapshot", "snapshot_not_found"],
    ["image", "template_not_found"],
    ["template", "template_not_found"],
    ["build", "template_build_not_found"],
    ["templateName", "template_name_claim_not_found"],
    ["webhook", "webhook_not_found"],
    ["pool", "warm_pool_not_found"],
    ["delivery", "delivery_not_found"],
    ["grant", "preview_grant_not_found"],
    ["volume", "volume_not_found"],
    ["attachment", "volume_attachment_not_found"],
    ["upload", "upload_not_found"],
  ]),
  invalid_request: new Map([
    ["fields", "invalid_fields"],
    // By its own rules, and the engine's word for one that lies within another.
    ["mount_path", "volume_invalid_mount_path"],
    ["mountPath", "volume_overlapping_mounts"],
    ["readOnly", "volume_read_only"],
    ["checksum", "upload_checksum_mismatch"],
  ]),
  conflict: new Map([
    ["volume", "volume_limit_exceeded"],
    ["upload", "upload_conflict"],
  ]),
  quota_exceeded: new Map([
    ["volume", "volume_quota_exceeded"],
    ["upload", "file_upload_limit_exceeded"],
  ]),
  not_supported: new Map([
    ["volume", "volume_backend_capability_unsupported"],
    ["ssh", "ssh_unavailable"],
  ]),
  // Nothing was made, and nothing reserved.
  out_of_capacity: new Map([["warm_pool", "warm_pool_unavailable"]]),
  // A command's own limit, which is no trouble of the guest's.
  guest_unresponsive: new Map([["timeout_secs", "exec_timeout"]]),
};

export function machineErrorCode(code: ErrorCode, field: string | undefined): string {
  return NAMES_BY_FIELD[code]?.get(field ?? "") ?? NAMES[code] ?? code;
}

/** All that a failure can be called. */
export function machineErrorCodes(code: ErrorCode): readonly string[] {
  return [...new Set([NAMES[code] ?? code, ...(NAMES_BY_FIELD[code]?.values() ?? [])])];
}

const COMMON = [
  "invalid_request",
  "internal",
  "unauthorized",
  "insufficient_scope",
  "too_many_requests",
  "database_unavailable",
  "out_of_disk",
] as const;
const WITH_BODY = ["malformed_json", "body_too_large"] as const;
/** A key of another order, a name that is taken. */
const WITH_CONFLICT = ["conflict"] as const;

export function machineErrorsOf(operation: Operation): readonly ApiErrorCode[] {
  const refers = operation.path.includes("{") || operation.body !== undefined;
  return [
    ...new Set<ApiErrorCode>([
      ...COMMON,
      ...(operation.method === "GET" ? [] : [...WITH_BODY, ...WITH_CONFLICT]),
      ...(refers ? (["not_found"] as const) : []),
      ...operation.errors,
    ]),
  ];
}
