/**
 * The error catalogue: every failure a caller can meet, declared once. The message says what happened, the hint
 * says what to do. Three kinds are never mixed: the caller's fault (4xx), a dependency's failure (5xx, retryable
 * or not as the entry says) and a bug, which has no entry of its own but `internal`.
 */

export interface ErrorEntry {
  readonly status: number;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
}

export const ERROR_CATALOGUE = {
  // The caller's fault.
  invalid_request: {
    status: 400,
    message: "The request is not valid",
    hint: "Correct the field that the error names",
    retryable: false,
  },
  malformed_json: {
    status: 400,
    message: "The body is not valid JSON",
    hint: "Send one JSON object",
    retryable: false,
  },
  body_too_large: {
    status: 413,
    message: "The body is larger than the limit",
    hint: "Send less, or upload the data as a file",
    retryable: false,
  },
  unauthorized: {
    status: 401,
    message: "No valid API key was given",
    hint: "Send the key in the X-API-Key header",
    retryable: false,
  },
  forbidden: {
    status: 403,
    message: "This is not allowed",
    hint: "Ask for a new URL; one that was signed is good for its method, its size and its time only",
    retryable: false,
  },
  transfer_failed: {
    status: 422,
    message: "The file could not be written in the VM",
    hint: "The message carries the VM's own reason; correct the path or free some space in the VM",
    retryable: false,
  },
  not_found: {
    status: 404,
    message: "There is no such resource",
    hint: "List the resources to see what exists",
    retryable: false,
  },
  vm_wrong_state: {
    status: 409,
    message: "The VM is in a state that does not allow this",
    hint: "Look at the VM's status; resume a paused VM first",
    retryable: false,
  },
  ttl_not_set: {
    status: 409,
    message: "The VM has no time to live",
    hint: "Set one with PATCH /v1/vms/{id}",
    retryable: false,
  },
  snapshot_wrong_state: {
    status: 409,
    message: "The snapshot is not ready",
    hint: "Wait until its status is ready",
    retryable: false,
  },
  quota_exceeded: {
    status: 403,
    message: "The organisation's quota does not allow this",
    hint: "Delete what is no longer needed, or ask for a larger quota",
    retryable: false,
  },
  conflict: {
    status: 409,
    message: "The request conflicts with what exists",
    hint: "Read the resource again and decide anew",
    retryable: false,
  },
  snapshot_incompatible: {
    status: 409,
    message: "The snapshot was made on a machine, QEMU or image that differs from this one",
    hint: "Its memory cannot be resumed here; restore it where it was made",
    retryable: false,
  },
  // A dependency's failure.
  guest_unresponsive: {
    status: 502,
    message: "The VM did not answer",
    hint: "The guest may be overloaded or hung; try again, or delete the VM",
    retryable: true,
  },
  vm_died: {
    status: 502,
    message: "The VM ended while it worked on this",
    hint: "The VM's status says why",
    retryable: false,
  },
  launch_failed: {
    status: 502,
    message: "The VM could not be started",
    hint: "The error's message carries the reason",
    retryable: false,
  },
  capture_failed: {
    status: 502,
    message: "The VM's state could not be saved",
    hint: "The source VM runs on; nothing was published",
    retryable: false,
  },
  network_failed: {
    status: 502,
    message: "The VM's network could not be changed",
    hint: "What was in force still is; try again, and look into the server's log if it stays so",
    retryable: true,
  },
  out_of_disk: {
    status: 507,
    message: "The host's disk is full",
    hint: "Free some space on the host and try again",
    retryable: false,
  },
  out_of_capacity: {
    status: 503,
    message: "The host has no room for this now",
    hint: "Delete or pause a VM, or try again later",
    retryable: true,
  },
  database_unavailable: {
    status: 503,
    message: "The database does not answer",
    hint: "VMs run on; try again",
    retryable: true,
  },
  internal: {
    status: 500,
    message: "Something went wrong on our side",
    hint: "The daemon's log has the details",
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** An error of the catalogue. `message` is the catalogue's, made specific; `field` names the offending input. */
export class FastvmError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;

  constructor(code: ErrorCode, detail?: string, options: { cause?: unknown; field?: string } = {}) {
    const { message } = ERROR_CATALOGUE[code];
    super(detail === undefined ? message : `${message}: ${detail}`, { cause: options.cause });
    this.name = "FastvmError";
    this.code = code;
    this.field = options.field;
  }

  get entry(): ErrorEntry {
    return ERROR_CATALOGUE[this.code];
  }
}
