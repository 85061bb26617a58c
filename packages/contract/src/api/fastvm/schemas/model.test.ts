/** What the schemas let in is what the model says: the compiler holds it. */
import type { Static } from "typebox";
import { expectTypeOf, test } from "vitest";
import type { FirewallRule } from "../../../model/network-policy.ts";
import type { Service } from "../../../model/service.ts";
import type { Ttl } from "../../../model/ttl.ts";
import type { FirewallRuleSchema } from "./firewall.ts";
import type { ServiceSchema } from "./service.ts";
import type { TtlSchema } from "./ttl.ts";

test("schemas and model say the same", () => {
  expectTypeOf<Readonly<Static<typeof TtlSchema>>>().toEqualTypeOf<Ttl>();
  expectTypeOf<Readonly<Static<typeof ServiceSchema>>>().toEqualTypeOf<Service>();
  expectTypeOf<Readonly<Static<typeof FirewallRuleSchema>>>().toEqualTypeOf<
    Omit<FirewallRule, "sparesGuarded">
  >();
});
