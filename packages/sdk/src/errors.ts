/**
 * Everything the SDK throws. Each failure is a FastvmError; each HTTP status has a class of its own, so that a
 * caller can tell them apart with `instanceof`.
 */

/** The base of every error of the SDK. */
export class FastvmError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What the API says about a failure. All but the message may be missing. */
interface ErrorDetails {
  /** What happened, for people. */
  readonly message: string;
  /** The platform's name of the failure, for programs, such as `vm_wrong_state`. */
  readonly code?: string;
  /** The part of the request that is at fault. */
  readonly field?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** The API answered with a status of 400 or above. */
export class APIError extends FastvmError {
  readonly status: number;
  readonly headers: Headers;
  readonly code: string | undefined;
  readonly field: string | undefined;
  readonly hint: string | undefined;
  /** The message without the status before it. */
  readonly detail: string;
  /** The answer's body, parsed if it is JSON. */
  readonly error: unknown;

  constructor(status: number, details: ErrorDetails, headers: Headers, body?: unknown) {
    super(`${status} ${details.message}`);
    this.status = status;
    this.headers = headers;
    this.code = details.code;
    this.field = details.field;
    this.hint = details.hint;
    this.detail = details.message;
    this.error = body;
  }
}

export class BadRequestError extends APIError {}
export class AuthenticationError extends APIError {}
export class PermissionDeniedError extends APIError {}
export class NotFoundError extends APIError {}
export class ConflictError extends APIError {}
export class UnprocessableEntityError extends APIError {}
export class RateLimitError extends APIError {}
/** Any status of 500 and above. */
export class InternalServerError extends APIError {}

/** No answer came: no connection, or one that broke. `cause` has the reason. */
export class APIConnectionError extends FastvmError {}
/** The answer did not come within `timeoutMs`. */
export class APIConnectionTimeoutError extends APIConnectionError {}
/** The caller's AbortSignal ended the call. */
export class APIUserAbortError extends FastvmError {}

/** The VM ended in `error`, `stopped` or `deleting` while the SDK waited for `running`. */
export class VMLaunchError extends FastvmError {
  readonly vmId: string;
  readonly status: string;

  constructor(vmId: string, status: string, reason?: string) {
    super(`VM ${vmId} did not start: its status is ${status}${reason === undefined ? "" : ` (${reason})`}`);
    this.vmId = vmId;
    this.status = status;
  }
}

/** The VM was not `running` when the time to wait for it had passed. It may still become so. */
export class VMNotReadyError extends FastvmError {
  readonly vmId: string;
  readonly status: string;

  constructor(vmId: string, status: string, waitedMs: number) {
    super(`VM ${vmId} is not running after ${waitedMs} ms: its status is ${status}`);
    this.vmId = vmId;
    this.status = status;
  }
}

/**
 * The command had started, and then its VM or its host was lost. Nobody knows how far it came, so it is not repeated
 * without being asked.
 */
export class CommandLostError extends FastvmError {
  /** The platform's name of the failure, such as `vm_died`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A folder was watched, and then it or its VM was gone. */
export class WatchEndedError extends FastvmError {
  /** The platform's name of the failure: `file_not_found` when the folder is gone. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const CLASS_BY_STATUS: ReadonlyMap<number, typeof APIError> = new Map([
  [400, BadRequestError],
  [401, AuthenticationError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [409, ConflictError],
  [422, UnprocessableEntityError],
  [429, RateLimitError],
]);

/** Keeps an HTML page of some proxy from filling a terminal. */
const MAX_MESSAGE_CHARS = 2000;

/** Makes the error for an answer; `body` is its text, JSON or not. */
export function errorFromResponse(status: number, body: string, headers: Headers): APIError {
  const details = readErrorDetails(body) ?? { message: body.trim().slice(0, MAX_MESSAGE_CHARS) || "no body" };
  const errorClass = CLASS_BY_STATUS.get(status) ?? (status >= 500 ? InternalServerError : APIError);
  return new errorClass(status, details, headers, parseJson(body) ?? body);
}

function readErrorDetails(body: string): ErrorDetails | undefined {
  const fields = parseObject(body);
  const message = fields && [fields["message"], fields["error"], fields["detail"]].find(isText);
  if (fields === undefined || message === undefined) return undefined;
  const { code, field, hint } = { ...nestedDetails(fields["error"]), ...fields };
  return {
    message: message.slice(0, MAX_MESSAGE_CHARS),
    ...(isText(code) ? { code } : {}),
    ...(isText(field) ? { field } : {}),
    ...(isText(hint) ? { hint } : {}),
  };
}

/** Where the API of sandboxes has them. */
function nestedDetails(error: unknown): Record<string, unknown> {
  const details: unknown = typeof error === "object" && error !== null && "details" in error && error.details;
  return typeof details === "object" && details !== null ? { ...details } : {};
}

function parseObject(body: string): Record<string, unknown> | undefined {
  const value = parseJson(body);
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // A proxy on the way answers with text of its own; the caller shows it as it is.
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** A build did not complete; the message is the server's reason. */
export class BuildFailedError extends FastvmError {
  readonly buildId: string;
  /** Of a step that failed its last lines. */
  readonly reason: string | undefined;

  constructor(buildId: string, reason: string | undefined) {
    super(`The build ${buildId} failed${reason === undefined ? "" : `: ${reason}`}`);
    this.buildId = buildId;
    this.reason = reason;
  }
}
