import { expect, test } from "vitest";
import { hasScope, SCOPES, type Scope } from "./scopes.ts";

const MAY: Readonly<Record<Scope, readonly Scope[]>> = {
  read: ["read"],
  run: ["read", "run"],
  manage: ["read", "run", "manage"],
  admin: ["read", "run", "manage", "admin"],
  metrics: ["metrics"],
};

test.each(SCOPES)("a key with %s may do what that includes, and no more", (scope) => {
  expect(SCOPES.filter((needed) => hasScope([scope], needed))).toEqual(MAY[scope]);
});

test("of several scopes each counts, and none is none", () => {
  expect(SCOPES.filter((needed) => hasScope(["run", "metrics"], needed))).toEqual(["read", "run", "metrics"]);
  expect(SCOPES.filter((needed) => hasScope([], needed))).toEqual([]);
});
