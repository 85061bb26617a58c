import { FastvmError, type ErrorBody } from "@fastvm/contract";

/** What is not of the catalogue is a bug: the log learns what the caller does not. */
export function asFastvmError(error: unknown): FastvmError {
  return error instanceof FastvmError ? error : new FastvmError("internal", undefined, { cause: error });
}

export function errorView(error: FastvmError): ErrorBody {
  return {
    error: error.message,
    code: error.code,
    message: error.message,
    hint: error.entry.hint,
    ...(error.field === undefined ? {} : { field: error.field }),
  };
}
