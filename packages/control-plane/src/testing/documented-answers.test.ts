import { ERROR_CATALOGUE, errorBody, FastvmError, type ErrorCode } from "@fastvm/contract";
import { expect, test } from "vitest";
import { DocumentedAnswers } from "./documented-answers.ts";

const documented = DocumentedAnswers.shared;

function answer(code: ErrorCode) {
  const { status } = ERROR_CATALOGUE[code];
  const body = errorBody(new FastvmError(code));
  return { method: "POST", path: "/v1/vms/some/ttl/refresh", status, contentType: "application/json", body };
}

test.each(["ttl_not_set", "vm_wrong_state", "database_unavailable"] as const)(
  "a code of the operation passes: %s",
  (code) => documented.check(answer(code)),
);

test("a code that the operation does not list is refused, though its status is documented", () => {
  expect(() => documented.check(answer("conflict"))).toThrow(/409 has the undocumented code conflict/);
});
