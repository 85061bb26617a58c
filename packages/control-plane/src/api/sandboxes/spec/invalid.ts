import { FastvmError } from "@fastvm/contract";

/** Of a request, with the field that caused it. */
export function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
