/** What a caller sends as a firewall, in either dialect: told apart by its shape, checked, and made whole. */
import {
  FastvmError,
  FirewallSchema,
  LegacyFirewallSchema,
  type Firewall,
  type FirewallRule,
  type LegacyFirewall,
} from "@fastvm/contract";
import { isIP } from "node:net";
import { Type } from "typebox";
import { checkerOf } from "../app/validation.ts";
import { asLegacy, asRules } from "./convert.ts";
import { covers, normalizePattern, overlaps } from "./domain-pattern.ts";
import { DEFAULT_POLICY, fillIn, type RulesPolicy, type StoredFirewall } from "./policy.ts";

type Input = Readonly<Record<string, unknown>>;

const checkRules = checkerOf<Firewall>(FirewallSchema);
const checkLegacy = checkerOf<LegacyFirewall>(LegacyFirewallSchema);
const checkLegacyPatch = checkerOf<Partial<LegacyFirewall>>(Type.Partial(LegacyFirewallSchema));

/** A whole policy. `prefix` is where the input stands, for errors: `firewall` in a launch, nothing in a PUT. */
export function parseFirewall(input: Input, prefix = ""): StoredFirewall {
  if (!isLegacy(input)) return finishRules(fillIn(checkRules(input, prefix), DEFAULT_POLICY), prefix);
  const { mode, ingress = [] } = checkLegacy(input, prefix);
  return finishLegacy({ mode, ingress }, prefix);
}

/** A change of a policy: each block that is given replaces that block. The result is in the dialect of the change. */
export function patchFirewall(current: StoredFirewall | undefined, input: Input): StoredFirewall | undefined {
  if (Object.keys(input).length === 0) return current;
  if (!isLegacy(input)) return finishRules(fillIn(checkRules(input, ""), asRules(current)), "");
  const before = asLegacy(current);
  const { mode = before.mode, ingress = before.ingress } = checkLegacyPatch(input, "");
  return finishLegacy({ mode, ingress }, "");
}

function isLegacy(input: Input): boolean {
  return Object.hasOwn(input, "mode") || Array.isArray(input["ingress"]);
}

function finishLegacy(policy: Required<LegacyFirewall>, prefix: string): StoredFirewall {
  for (const [index, rule] of policy.ingress.entries()) {
    const at = join(prefix, `ingress.${index}`);
    if (rule.portEnd !== undefined && rule.portEnd < rule.portStart) {
      throw invalid(join(at, "portEnd"), `portEnd ${rule.portEnd} is below portStart ${rule.portStart}`);
    }
    for (const [position, cidr] of (rule.sourceCidrs ?? []).entries()) {
      if (familyOf(cidr) === 6) continue;
      const field = join(at, `sourceCidrs.${position}`);
      throw invalid(field, `${JSON.stringify(cidr)} is not an IPv6 network such as 2001:db8::/32`);
    }
  }
  return { dialect: "legacy", policy };
}

function finishRules(policy: RulesPolicy, prefix: string): StoredFirewall {
  for (const direction of ["ingress", "egress"] as const) {
    for (const [index, rule] of policy[direction].rules.entries()) {
      checkRule(rule, direction, join(prefix, `${direction}.rules.${index}`));
    }
  }
  const domains = policy.dns.domains.map((domain, index) =>
    requirePattern(domain, join(prefix, `dns.domains.${index}`)),
  );
  const whole: RulesPolicy = {
    ...policy,
    egress: { ...policy.egress, rules: policy.egress.rules.map((rule) => normalised(rule)) },
    dns: { ...policy.dns, domains },
  };
  for (const [index, rule] of whole.egress.rules.entries()) {
    refuseDead(rule, whole.dns, join(prefix, `egress.rules.${index}.value`));
  }
  return { dialect: "rules", policy: whole };
}

function checkRule(rule: FirewallRule, direction: "ingress" | "egress", at: string): void {
  if (rule.kind === "fqdn") {
    if (direction === "ingress") throw invalid(join(at, "kind"), "ingress knows only cidr");
    requirePattern(rule.value, join(at, "value"));
  } else if (familyOf(rule.value) === 0) {
    const quoted = JSON.stringify(rule.value.slice(0, 80));
    throw invalid(join(at, "value"), `${quoted} is not a network such as 192.0.2.0/24 or 2001:db8::/32`);
  }
  if (!arePorts(rule.ports)) {
    throw invalid(
      join(at, "ports"),
      'ports must be "any", a port such as "443" or a range such as "8080-8090"',
    );
  }
  if (rule.protocol === "any" && rule.ports !== "any") {
    throw invalid(join(at, "ports"), 'ports must be "any" when the protocol is any');
  }
}

/** A rule that allows a name which may not be resolved could never match: better told now than wondered about later. */
function refuseDead(rule: FirewallRule, dns: RulesPolicy["dns"], field: string): void {
  if (rule.kind !== "fqdn" || rule.action !== "allow") return;
  const dead =
    dns.mode === "allow"
      ? !dns.domains.some((domain) => overlaps(domain, rule.value))
      : dns.domains.some((domain) => covers(domain, rule.value));
  if (dead) throw invalid(field, `${rule.value} can never be reached: dns does not let it be resolved`);
}

function normalised(rule: FirewallRule): FirewallRule {
  return rule.kind === "fqdn" ? { ...rule, value: normalizePattern(rule.value) ?? rule.value } : rule;
}

function requirePattern(text: string, field: string): string {
  const pattern = normalizePattern(text);
  if (pattern !== undefined) return pattern;
  const quoted = JSON.stringify(text.slice(0, 80));
  throw invalid(field, `${quoted} is not a name such as example.com or *.example.com`);
}

function arePorts(ports: string): boolean {
  if (ports === "any") return true;
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(ports);
  if (match === null) return false;
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  return start >= 1 && start <= end && end <= 65_535;
}

/** 4 or 6 for a network in CIDR notation, else 0. */
function familyOf(cidr: string): 0 | 4 | 6 {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(cidr);
  const family = isIP(match?.[1] ?? "");
  if (family === 4) return Number(match?.[2]) <= 32 ? 4 : 0;
  if (family === 6) return Number(match?.[2]) <= 128 ? 6 : 0;
  return 0;
}

function join(prefix: string, rest: string): string {
  return prefix === "" ? rest : `${prefix}.${rest}`;
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
