/** What this API calls the failures of the catalogue, and which of them an operation can answer. */
import type { ApiErrorCode, ErrorCode } from "../../errors/errors.ts";
import type { Operation } from "../operation.ts";

/** Those that the published client makes errors of its own of. */
const NAMES: Partial<Record<ErrorCode, string>> = {
  unauthorized: "invalid_api_key",
  malformed_json: "invalid_request",
  body_too_large: "invalid_request",
  file_not_found: "volume_file_not_found",
};

/** Where the field says more than the code. */
const NAMES_BY_FIELD: Partial<Record<ErrorCode, ReadonlyMap<string, string>>> = {
  not_found: new Map([
    ["vm", "sandbox_not_found"],
    ["sandbox", "sandbox_not_found"],
    ["volume", "volume_not_found"],
    ["image", "image_not_found"],
  ]),
  invalid_request: new Map([["x-msb-file-path", "invalid_volume_path"]]),
  // The client takes this word for a sandbox's name, whatever was asked.
  conflict: new Map([["sandbox", "name_already_exists"]]),
};

export function sandboxErrorCode(code: ErrorCode, field: string | undefined): string {
  return NAMES_BY_FIELD[code]?.get(field ?? "") ?? NAMES[code] ?? code;
}

/** All that a failure can be called. */
export function sandboxErrorCodes(code: ErrorCode): readonly string[] {
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
const OF_CHANGES = ["malformed_json", "body_too_large", "conflict"] as const;

export function sandboxErrorsOf(operation: Operation): readonly ApiErrorCode[] {
  const refers = operation.path.includes("{") || operation.body !== undefined;
  return [
    ...new Set<ApiErrorCode>([
      ...COMMON,
      ...(operation.method === "GET" ? [] : OF_CHANGES),
      ...(refers ? (["not_found"] as const) : []),
      ...operation.errors,
    ]),
  ];
}
