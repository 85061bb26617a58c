/**
 * What can go wrong in the API, in three kinds that are never mixed: the caller's fault (4xx), a dependency's failure (5xx, retryable
 * or not as the entry says) and a bug, which has no entry of its own but `internal`.
 */
import type { ErrorEntry } from "./error-entry.ts";

export const API_ERRORS = {
  // The caller's fault.
  invalid_request: {
    status: 400,
    message: "The request is not valid",
    hint: "Correct the field that the error names",
    when:
      "A field is missing, of the wrong type or beyond its limits; at the proxy, " +
      "a request that could be read in two ways, then also 431 for headers above 16 KiB",
    retryable: false,
  },
  malformed_json: {
    status: 400,
    message: "The body is not valid JSON",
    hint: "Send one JSON object",
    when: "The body is not JSON",
    retryable: false,
  },
  body_too_large: {
    status: 413,
    message: "The body is larger than the limit",
    hint: "Send less, or upload the data as a file",
    when: "The body, stdin or an upload is over its limit",
    retryable: false,
  },
  unauthorized: {
    status: 401,
    message: "No valid API key was given",
    hint: "Send the key in the X-API-Key header",
    when: "No key, or one that is not known",
    retryable: false,
  },
  forbidden: {
    status: 403,
    message: "This is not allowed",
    hint: "Ask for a new URL; one that was signed is good for its method, its size and its time only",
    when: "A signed URL is used for something else, too late, or for a VM of another organisation",
    retryable: false,
  },
  transfer_failed: {
    status: 422,
    message: "The file could not be written in the VM",
    hint: "The message carries the VM's own reason; correct the path or free some space in the VM",
    when: "The guest refused what was to be written in it (`ENOSPC`, `EISDIR`, …), or it took too long",
    retryable: false,
  },
  not_found: {
    status: 404,
    message: "There is no such resource",
    hint: "List the resources to see what exists",
    when: "No such VM, snapshot or path, or one of another organisation",
    retryable: false,
  },
  vm_wrong_state: {
    status: 409,
    message: "The VM is in a state that does not allow this",
    hint: "Look at the VM's status; resume a paused VM first",
    when: "The VM's status does not allow it; the message names the status",
    retryable: false,
  },
  ttl_not_set: {
    status: 409,
    message: "The VM has no time to live",
    hint: "Set one with PATCH /v1/vms/{id}",
    when: "The VM has no time to live to refresh",
    retryable: false,
  },
  snapshot_wrong_state: {
    status: 409,
    message: "The snapshot is not ready",
    hint: "Wait until its status is ready",
    when: "The snapshot is not `ready`",
    retryable: false,
  },
  quota_exceeded: {
    status: 403,
    message: "The organisation's quota does not allow this",
    hint: "Delete what is no longer needed, or ask for a larger quota",
    when: "The organisation's quota; the message has the numbers",
    retryable: false,
  },
  conflict: {
    status: 409,
    message: "The request conflicts with what exists",
    hint: "Read the resource again and decide anew",
    when: "A service of that name, a key that is known, one more than there may be",
    retryable: false,
  },
  snapshot_incompatible: {
    status: 409,
    message: "The snapshot was made on a machine, QEMU or image that differs from this one",
    hint: "Its memory cannot be resumed here; restore it where it was made",
    when: "The snapshot's memory cannot be resumed on this host",
    retryable: false,
  },
  // A dependency's failure.
  guest_unresponsive: {
    status: 502,
    message: "The VM did not answer",
    hint: "The guest may be overloaded or hung; try again, or delete the VM",
    when: "The VM did not answer in time",
    retryable: true,
  },
  vm_died: {
    status: 502,
    message: "The VM ended while it worked on this",
    hint: "The VM's status says why",
    when: "The VM ended meanwhile",
    retryable: false,
  },
  launch_failed: {
    status: 502,
    message: "The VM could not be started",
    hint: "The error's message carries the reason",
    when: "The VM did not start; the reason is in the message",
    retryable: false,
  },
  capture_failed: {
    status: 502,
    message: "The VM's state could not be saved",
    hint: "The source VM runs on; nothing was published",
    when: "Its memory or disk could not be saved; the reason is in the message",
    retryable: false,
  },
  network_failed: {
    status: 502,
    message: "The VM's network could not be changed",
    hint: "What was in force still is; try again, and look into the server's log if it stays so",
    when: "The host did not take a change of the VM's network; nothing has changed",
    retryable: true,
  },
  out_of_disk: {
    status: 507,
    message: "The host's disk is full",
    hint: "Free some space on the host and try again",
    when: "The host's disk is full",
    retryable: false,
  },
  out_of_capacity: {
    status: 503,
    message: "The host has no room for this now",
    hint: "Delete or pause a VM, or try again later",
    when: "The host is full and so is the queue",
    retryable: true,
  },
  database_unavailable: {
    status: 503,
    message: "The database does not answer",
    hint: "VMs run on; try again",
    when: "The records cannot be read or written now; what was begun is finished or undone when they can",
    retryable: true,
  },
  internal: {
    status: 500,
    message: "Something went wrong on our side",
    hint: "The daemon's log has the details",
    when: "A bug of ours; the log has the details, under the `requestId`",
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;
