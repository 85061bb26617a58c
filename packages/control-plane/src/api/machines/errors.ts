/** How this API tells of failures: one flat JSON shape, by its own codes, in the words of machines. */
import { machineErrorBody, type FastvmError } from "@fastvm/contract";
import type { RenderedError } from "../shared/answer-error.ts";

/** Long enough for a machine to go or to be paused. */
const RETRY_AFTER_SEC = 5;

export function renderError(error: FastvmError, requestId: string): RenderedError {
  const { status } = error.entry;
  return {
    status,
    headers: status === 503 ? { "retry-after": String(RETRY_AFTER_SEC) } : {},
    body: machineErrorBody(error, requestId),
  };
}
