/** How this API tells of failures: one flat JSON shape, by its own codes, in the words of machines. */
import { machineErrorCode, type FastvmError, type MachineErrorBody } from "@fastvm/contract";
import type { RenderedError } from "../shared/answer-error.ts";

/** Long enough for a machine to go or to be paused. */
const RETRY_AFTER_SEC = 5;

/** What the engine calls what it was asked. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ["vm", "machine_id"],
  ["snapshot", "snapshot_id"],
  ["image", "template"],
  ["machine", "vcpus"],
  ["diskGib", "disk_mb"],
  ["webhook", "webhook_id"],
  ["delivery", "delivery_id"],
]);

export function renderError(error: FastvmError, requestId: string): RenderedError {
  const { status, retryable, hint } = error.entry;
  const message = inOurWords(error.message);
  const { field } = error;
  const body: MachineErrorBody = {
    error: message,
    code: machineErrorCode(error.code, field),
    message,
    retryable,
    suggested_action:
      error.code === "unauthorized" ? "Send the key as `Authorization: Bearer ns_live_…`" : inOurWords(hint),
    field: field === undefined ? null : (FIELD_NAMES.get(field) ?? field),
    request_id: requestId,
  };
  return { status, headers: status === 503 ? { "retry-after": String(RETRY_AFTER_SEC) } : {}, body };
}

function inOurWords(text: string): string {
  return text.replaceAll(/\bVM(s?)\b/g, "machine$1");
}
