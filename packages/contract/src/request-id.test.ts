import { expect, test } from "vitest";
import { requestIdOf } from "./request-id.ts";

test.each(["a", "8f14e45f-ceea-467f-a8f6-3d2c5a1b9e07", "Root=1-67891233-abcdef", "a".repeat(128)])(
  "a well-formed id is kept: %s",
  (id) => expect(requestIdOf(id)).toBe(id),
);

test.each([
  undefined,
  "",
  "a".repeat(129),
  "two words",
  "a\nlevel=fatal",
  "é",
  ["a", "b"],
  "a, b",
  `fvm_${"k".repeat(43)}`,
])("anything else gives way to a new one: %j", (given) => {
  const id = requestIdOf(given);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(requestIdOf(given)).not.toBe(id);
});
