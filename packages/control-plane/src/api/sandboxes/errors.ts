/** How this API tells of failures: both shapes that its clients read, in the words of sandboxes. */
import { sandboxErrorBody, type FastvmError } from "@fastvm/contract";
import type { RenderedError } from "../shared/answer-error.ts";

/** Long enough for a sandbox to end. */
const RETRY_AFTER_SEC = 5;

export function renderError(error: FastvmError, requestId: string): RenderedError {
  const { status } = error.entry;
  return {
    status,
    headers: status === 503 ? { "retry-after": String(RETRY_AFTER_SEC) } : {},
    body: sandboxErrorBody(error, requestId),
  };
}
