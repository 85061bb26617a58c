/** A VM's firewall, in the two dialects that generations of clients speak. */
import { Type, type Static, type TSchema, type TUnsafe } from "typebox";
import type { FirewallAction, FirewallRule, RateLimit } from "../../../model/network-policy.ts";
import { nullable } from "./nullable.ts";
import { STRICT } from "./strict.ts";

/** More rules would cost every launch and change time in the kernel. */
export const MAX_FIREWALL_RULES = 256;
const MAX_DNS_DOMAINS = 1024;
const MAX_RULE_DESCRIPTION_LENGTH = 256;
/** 100 Gbit/s, and more packets than any host sends for one VM. */
const MAX_RATE = 100_000_000;
/** A burst is held in memory: 125 MB of bytes. */
const MAX_RATE_BURST = 1_000_000;

const action = Type.Unsafe<FirewallAction>({ type: "string", enum: ["allow", "deny"] });
const description = Type.Optional(Type.String({ maxLength: MAX_RULE_DESCRIPTION_LENGTH }));

export const FirewallRuleSchema = Type.Object(
  {
    action,
    kind: Type.Unsafe<FirewallRule["kind"]>({
      type: "string",
      enum: ["cidr", "fqdn"],
      description: "`fqdn` for egress only.",
    }),
    value: Type.String({ description: "A network, or a name with at most one leading `*.`." }),
    protocol: Type.Unsafe<FirewallRule["protocol"]>({
      type: "string",
      enum: ["tcp", "udp", "icmpv4", "icmpv6", "any"],
    }),
    ports: Type.String({
      description: '`"443"`, `"8080-8090"` or `"any"`; `any` when the protocol has none.',
    }),
    description,
  },
  { ...STRICT, title: "FirewallRule" },
);

const rules = Type.Array(FirewallRuleSchema, { maxItems: MAX_FIREWALL_RULES });

const FirewallDirectionSchema = Type.Object(
  { default: action, rules: Type.Optional(rules) },
  { ...STRICT, title: "FirewallDirection" },
);

const rate = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_RATE }));
const burst = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_RATE_BURST }));

const RateLimitSchema = Type.Unsafe<RateLimit>(
  Type.Object(
    { kbitPerSec: rate, packetsPerSec: rate, burst },
    {
      ...STRICT,
      title: "RateLimit",
      description:
        "What the VM sends is shaped to exactly one of the two; `burst` is in the unit of the rate.",
    },
  ),
);

const FirewallEgressSchema = Type.Object(
  { default: action, rules: Type.Optional(rules), rateLimit: Type.Optional(RateLimitSchema) },
  { ...STRICT, title: "FirewallEgress" },
);
const FirewallDnsSchema = Type.Object(
  {
    mode: Type.Optional(action),
    domains: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_DNS_DOMAINS })),
    blockBypass: Type.Optional(Type.Boolean()),
  },
  {
    ...STRICT,
    title: "FirewallDns",
    description:
      "`allow`: only `domains` resolve. `deny` (default): all but them do. Absent: all do, " +
      "or where egress denies what no rule names, those that its rules name.",
  },
);

export const FirewallSchema = Type.Object(
  {
    ingress: Type.Optional(FirewallDirectionSchema),
    egress: Type.Optional(FirewallEgressSchema),
    dns: Type.Optional(FirewallDnsSchema),
  },
  {
    ...STRICT,
    title: "Firewall",
    description: "Absent blocks: ingress deny, egress allow; `dns` follows from egress.",
  },
);
export type Firewall = Static<typeof FirewallSchema>;

const LegacyFirewallRuleSchema = Type.Object(
  {
    protocol: Type.Unsafe<"tcp" | "udp">({ type: "string", enum: ["tcp", "udp"] }),
    portStart: Type.Integer({ minimum: 1, maximum: 65_535 }),
    portEnd: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    sourceCidrs: Type.Optional(
      Type.Array(Type.String(), { maxItems: MAX_FIREWALL_RULES, description: "IPv6; default `::/0`." }),
    ),
    description,
  },
  { ...STRICT, title: "LegacyFirewallRule" },
);
export type LegacyFirewallRule = Static<typeof LegacyFirewallRuleSchema>;

export const LegacyFirewallSchema = Type.Object(
  {
    mode: Type.Unsafe<"open" | "restricted">({ type: "string", enum: ["open", "restricted"] }),
    ingress: Type.Optional(Type.Array(LegacyFirewallRuleSchema, { maxItems: MAX_FIREWALL_RULES })),
  },
  { ...STRICT, title: "LegacyFirewall" },
);
export type LegacyFirewall = Static<typeof LegacyFirewallSchema>;

const cidrs = Type.Optional(
  nullable(Type.Array(Type.String({ description: "IPv4." }), { maxItems: MAX_FIREWALL_RULES })),
);

export const EgressModeSchema = Type.Object(
  {
    mode: Type.Unsafe<"allow_all" | "deny_all" | "custom">({
      type: "string",
      enum: ["allow_all", "deny_all", "custom"],
    }),
    allow_cidrs: cidrs,
    deny_cidrs: cidrs,
    rate_limit: Type.Optional(
      nullable(
        Type.Object(
          {
            kbit_per_sec: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: MAX_RATE }))),
            pps: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: MAX_RATE }))),
            burst: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: MAX_RATE_BURST }))),
          },
          STRICT,
        ),
      ),
    ),
  },
  {
    ...STRICT,
    title: "EgressMode",
    description: "`custom`: denials win; with `allow_cidrs` all else is denied.",
  },
);
export type EgressMode = Static<typeof EgressModeSchema>;

/** As a VM shows it: in the dialect of the client that asks. */
export const AnyFirewallSchema = Type.Unsafe<Firewall | LegacyFirewall>({
  anyOf: [FirewallSchema, LegacyFirewallSchema],
});

/** The dialect shows in the shape, so the server looks there first and then validates with the schema of that dialect. */
const anyDialect = (title: string) =>
  Type.Unsafe<Record<string, unknown>>({
    type: "object",
    ...STRICT,
    properties: { mode: {}, ingress: {}, egress: {}, dns: {} },
    title,
  }) as TUnsafe<Record<string, unknown>> & { type: "object" };
export const FirewallInputSchema = anyDialect("FirewallInput");
export const FirewallPatchSchema = anyDialect("FirewallPatch");

const EgressModeFirewallSchema = Type.Object(
  {
    ingress: Type.Optional(FirewallDirectionSchema),
    egress: EgressModeSchema,
    dns: Type.Optional(FirewallDnsSchema),
  },
  { ...STRICT, title: "EgressModeFirewall", description: "As `Firewall`, with a mode for what goes out." },
);

/** What the two above stand for, by their titles, for openapi.json: what is accepted in the end. */
export const DIALECTS: Readonly<Record<string, TSchema>> = {
  FirewallInput: Type.Unsafe({
    anyOf: [FirewallSchema, EgressModeFirewallSchema, LegacyFirewallSchema],
    description: "In any dialect: the older one has a `mode`, or a list as its `ingress`.",
  }),
  FirewallPatch: Type.Unsafe({
    anyOf: [
      FirewallSchema,
      EgressModeFirewallSchema,
      Type.Partial(LegacyFirewallSchema, { ...STRICT, title: "LegacyFirewallPatch" }),
    ],
    description: "In any dialect. A block that is given replaces that block whole.",
  }),
};
export const NullableFirewallInputSchema = nullable(FirewallInputSchema);
