/** An error as this API tells of it, and the proxy in front of machines' ports too: in the words of machines. */
import type { FastvmError } from "../../errors/errors.ts";
import { machineErrorCode } from "./error-codes.ts";
import type { MachineErrorBody } from "./schemas/error-body.ts";

/** What the engine calls what it was asked. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ["vm", "machine_id"],
  ["snapshot", "snapshot_id"],
  ["image", "template"],
  ["machine", "vcpus"],
  ["diskGib", "disk_mb"],
  ["mountPath", "mount_path"],
  ["readOnly", "read_only"],
  ["volume", "volume_id"],
  ["attachment", "attachment_id"],
  ["webhook", "webhook_id"],
  ["delivery", "delivery_id"],
  ["pool", "warm_pool.id"],
]);

/** May succeed later, but clients that repeat by themselves what is retryable would turn a prompt refusal into a wait. */
const FINAL: ReadonlySet<string> = new Set(["warm_pool_unavailable"]);

export function machineErrorBody(error: FastvmError, requestId: string): MachineErrorBody {
  const { hint } = error.entry;
  const code = machineErrorCode(error.code, error.field);
  const message = inOurWords(error.message);
  const { field } = error;
  return {
    error: message,
    code,
    message,
    retryable: error.entry.retryable && !FINAL.has(code),
    suggested_action:
      error.code === "unauthorized" ? "Send the key as `Authorization: Bearer ns_live_…`" : inOurWords(hint),
    field: field === undefined ? null : (FIELD_NAMES.get(field) ?? field),
    request_id: requestId,
  };
}

function inOurWords(text: string): string {
  return text.replaceAll(/\bVM(s?)\b/g, "machine$1");
}
