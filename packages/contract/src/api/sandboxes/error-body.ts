/** An error as this API tells of it. */
import type { FastvmError } from "../../errors/errors.ts";
import { sandboxErrorCode } from "./error-codes.ts";
import type { SandboxErrorBody } from "./schemas/error-body.ts";

/** What the engine calls what it was asked. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ["vm", "sandbox"],
  ["machine", "resources"],
  ["diskGib", "resources.disk_size_mib"],
  ["mountPath", "mounts.guest"],
]);

export function sandboxErrorBody(error: FastvmError, requestId: string): SandboxErrorBody {
  const { retryable, hint } = error.entry;
  const code = sandboxErrorCode(error.code, error.field);
  const field = error.field === undefined ? null : (FIELD_NAMES.get(error.field) ?? error.field);
  const words = inOurWords(error.message);
  // The clients show the message and nothing else.
  const message = field === null || words.includes(field) ? words : `${words} (${field})`;
  const advice =
    error.code === "unauthorized" ? "Send the key as `Authorization: Bearer msb_…`" : inOurWords(hint);
  return {
    code,
    message,
    error: { code, message, details: { field, hint: advice, retryable, request_id: requestId } },
  };
}

function inOurWords(text: string): string {
  return text.replaceAll(/\bVM(s?)\b/g, (_word, plural: string) => `sandbox${plural === "" ? "" : "es"}`);
}
