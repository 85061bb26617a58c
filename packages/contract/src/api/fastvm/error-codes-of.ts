/** Every code that an operation can answer: those of its own and those of its kind. */
import type { ApiErrorCode } from "../../errors/errors.ts";
import type { Operation } from "../operation.ts";

/** What nearly every operation can answer, whatever it does. */
const COMMON = ["invalid_request", "internal"] as const;
/** Whoever has a key is looked up in the records, which may be away or have no room. */
const KEYED = [
  "unauthorized",
  "insufficient_scope",
  "too_many_requests",
  "database_unavailable",
  "out_of_disk",
] as const;
/** Of requests that may have a body. */
const WITH_BODY = ["malformed_json", "body_too_large"] as const;

export function errorCodesOf(operation: Operation): readonly ApiErrorCode[] {
  const refers = operation.path.includes("{") || operation.body !== undefined;
  return [
    ...new Set<ApiErrorCode>([
      ...COMMON,
      ...(operation.open === true ? [] : KEYED),
      ...(operation.method === "GET" || operation.bytes !== undefined ? [] : WITH_BODY),
      ...(refers ? (["not_found"] as const) : []),
      ...operation.errors,
    ]),
  ];
}
