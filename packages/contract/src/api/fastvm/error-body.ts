/** The one shape in which failures are answered, by the API and by the proxy. */
import type { ErrorBody } from "./schemas/error-body.ts";
import type { FastvmError } from "../../errors/errors.ts";

export function errorBody(error: FastvmError, requestId?: string): ErrorBody {
  const { hint, retryable } = error.entry;
  return {
    error: error.message,
    code: error.code,
    message: error.message,
    hint,
    retryable,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
