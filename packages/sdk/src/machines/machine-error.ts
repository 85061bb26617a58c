/** What goes wrong with machines: one class, by the API's code, and families of codes, by which the command line ends too. */
import { APIConnectionError, APIConnectionTimeoutError, APIError, FastvmError } from "../errors.ts";

export type ErrorFamily =
  | "unknown"
  | "invalid"
  | "not-found"
  | "unauthenticated"
  | "forbidden"
  | "limit"
  | "conflict"
  | "runtime";

const FAMILIES: ReadonlyMap<string, ErrorFamily> = new Map<string, ErrorFamily>([
  ["invalid_request", "invalid"],
  ["invalid_fields", "invalid"],
  ["invalid_response", "invalid"],
  ["not_found", "not-found"],
  ["missing_api_key", "unauthenticated"],
  ["unauthenticated", "unauthenticated"],
  ["unauthorized", "unauthenticated"],
  ["forbidden", "forbidden"],
  ["permission_denied", "forbidden"],
  ["volume_read_only", "forbidden"],
  ["preview_grant_disabled", "forbidden"],
  ["preview_proxy_token_disabled", "forbidden"],
  ["preview_machine_disabled", "forbidden"],
  ["preview_sandbox_disabled", "forbidden"],
  ["capacity_exceeded", "limit"],
  ["file_upload_limit_exceeded", "limit"],
  ["volume_limit_exceeded", "limit"],
  ["conflict", "conflict"],
  ["incompatible_snapshot", "conflict"],
  ["rebuild_required", "conflict"],
  ["machine_not_ready", "conflict"],
  ["sandbox_not_ready", "conflict"],
  ["snapshot_in_use", "conflict"],
  ["upload_conflict", "conflict"],
  ["volume_busy", "conflict"],
  ["exec_failed", "runtime"],
  ["exec_timeout", "runtime"],
  ["timeout", "runtime"],
]);

/** Of codes that later versions add, by what they are made of. */
export function familyOf(code: string): ErrorFamily {
  const known = FAMILIES.get(code);
  if (known !== undefined) return known;
  if (code.endsWith("_not_found")) return "not-found";
  if (code.endsWith("_permission_denied")) return "forbidden";
  if (/quota/i.test(code) || code.includes("rate_limit")) return "limit";
  if (code.endsWith("_conflict")) return "conflict";
  return "unknown";
}

interface MachineErrorDetails {
  readonly code: string;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryable?: boolean | undefined;
  readonly suggestedAction?: string | undefined;
  readonly field?: string | undefined;
  readonly cause?: unknown;
}

export class MachineError extends FastvmError {
  /** What happened, for programs, such as `machine_not_ready`. */
  readonly code: string;
  readonly family: ErrorFamily;
  /** Of the answer; absent where none came. */
  readonly status: number | undefined;
  /** By which the server's log knows the request. */
  readonly requestId: string | undefined;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean | undefined;
  readonly suggestedAction: string | undefined;
  /** The part of the request that is at fault. */
  readonly field: string | undefined;

  constructor(message: string, details: MachineErrorDetails) {
    super(message, { cause: details.cause });
    this.code = details.code;
    this.family = familyOf(details.code);
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryable = details.retryable;
    this.suggestedAction = details.suggestedAction;
    this.field = details.field;
  }
}

/** A git command that ended with something else than 0. */
export class GitError extends MachineError {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(what: string, exitCode: number | null, stderr: string) {
    super(`git ${what} ended with ${exitCode}: ${stderr.trim()}`, { code: "git_failed" });
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** An upload that did not come to its end. `uploadFile` with this `uploadId` goes on with it. */
export class FileUploadError extends MachineError {
  readonly uploadId: string;

  constructor(cause: unknown, uploadId: string) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(message, { ...detailsOf(cause), cause });
    this.uploadId = uploadId;
  }
}

function detailsOf(cause: unknown): MachineErrorDetails {
  if (!(cause instanceof MachineError)) return { code: "upload_failed" };
  const { code, status, requestId, retryable, suggestedAction, field } = cause;
  return { code, status, requestId, retryable, suggestedAction, field };
}

/** What the HTTP client throws, in the words of machines. */
export function machineErrorOf(error: unknown): unknown {
  if (error instanceof APIError) return ofAnswer(error);
  const cause = error;
  if (error instanceof APIConnectionTimeoutError)
    return new MachineError(error.message, { code: "timeout", retryable: true, cause });
  if (error instanceof APIConnectionError)
    return new MachineError(error.message, { code: "connection_failed", retryable: true, cause });
  return error;
}

function ofAnswer(error: APIError): MachineError {
  const body: Record<string, unknown> =
    typeof error.error === "object" && error.error !== null ? { ...error.error } : {};
  const { request_id: requestId, retryable, suggested_action: suggestedAction } = body;
  return new MachineError(error.detail, {
    code: error.code ?? "unknown",
    status: error.status,
    requestId: textOf(requestId) ?? error.headers.get("x-request-id") ?? undefined,
    retryable: typeof retryable === "boolean" ? retryable : undefined,
    suggestedAction: textOf(suggestedAction),
    field: error.field,
    cause: error,
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
