/** A VM's firewall as it is enforced, and what it has decided. */
import { Type, type Static } from "typebox";
import { FirewallRuleSchema, FirewallSchema } from "./firewall.ts";

const packets = Type.Integer({ minimum: 0 });
const bytes = Type.Integer({ minimum: 0 });
export const HitsSchema = Type.Object({ packets, bytes }, { title: "FirewallHits" });
const RuleHitsSchema = Type.Object(
  { ...FirewallRuleSchema.properties, packets, bytes },
  { title: "FirewallRuleHits" },
);
const DirectionHitsSchema = Type.Object(
  {
    rules: Type.Array(RuleHitsSchema, { description: "In the order in which they are tried." }),
    default: Type.Unsafe<Static<typeof HitsSchema>>({ ...HitsSchema, description: "What no rule decided." }),
  },
  { title: "FirewallDirectionHits", description: "Counted from the last change of the policy." },
);
const count = Type.Integer({ minimum: 0 });

const FirewallHitsSchema = Type.Object(
  {
    ingress: DirectionHitsSchema,
    egress: DirectionHitsSchema,
    traffic: Type.Object(
      { sent: HitsSchema, received: HitsSchema },
      { description: "All of the VM's traffic since it last began to run." },
    ),
    dropped: HitsSchema,
    dns: Type.Object(
      { answered: count, refused: count, filtered: count, limited: count, failed: count },
      { description: "The VM's questions, by what became of them." },
    ),
  },
  { title: "FirewallReportHits" },
);

export const FirewallReportSchema = Type.Object(
  {
    policy: FirewallSchema,
    hits: Type.Optional(FirewallHitsSchema),
  },
  { title: "FirewallReport", description: "`hits` only of a VM that runs and has a network." },
);
export type FirewallReport = Static<typeof FirewallReportSchema>;
