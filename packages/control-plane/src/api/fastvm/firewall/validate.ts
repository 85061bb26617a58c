/** What a caller sends as a firewall, in any dialect: told apart by its shape, checked, and made whole. */
import {
  DEFAULT_POLICY,
  DomainList,
  familyOf,
  isMapped,
  normalizePattern,
  policyOf,
  type WrittenNetwork,
} from "../../../engine/engine.ts";
import {
  FastvmError,
  EgressModeSchema,
  FirewallSchema,
  LegacyFirewallSchema,
  MAX_FIREWALL_RULES,
  type FirewallRule,
  type LegacyFirewall,
  type WrittenPolicy,
} from "@fastvm/contract";
import { Type } from "typebox";
import { checkerOf } from "../../shared/validation.ts";
import { actionOf, asLegacy, ingressOf } from "./convert.ts";
import { egressRules, hasEgressMode } from "../../shared/egress-mode.ts";
import type { Dialect } from "./render.ts";
import { fillIn } from "./fill-in.ts";
import { written, writtenAs } from "./presentation.ts";

type Input = Readonly<Record<string, unknown>>;

const checkRules = checkerOf(FirewallSchema);
const checkEgressMode = checkerOf(EgressModeSchema);
const checkLegacy = checkerOf(LegacyFirewallSchema);
const checkLegacyPatch = checkerOf(Type.Partial(LegacyFirewallSchema));

/** A whole policy. `prefix` is where the input stands, for errors: `firewall` in a launch, nothing in a PUT. */
export function parseFirewall(input: Input, prefix = ""): WrittenNetwork {
  if (!isLegacy(input)) return parseRules(input, DEFAULT_POLICY, prefix);
  const { mode, ingress = [] } = checkLegacy(input, prefix);
  return finishLegacy({ mode, ingress }, DEFAULT_POLICY, prefix);
}

/** Of a launch or a fork, where none, or `null`, means the source's. */
export function parseGiven(input: Input | null | undefined): WrittenNetwork | undefined {
  return input === undefined || input === null ? undefined : parseFirewall(input, "firewall");
}

/** A change of a policy: each block that is given replaces that block. The result is in the dialect of the change. */
export function patchFirewall(current: WrittenNetwork | undefined, input: Input): WrittenNetwork | undefined {
  if (Object.keys(input).length === 0) return current;
  if (!isLegacy(input)) return parseRules(input, policyOf(current), "");
  return patchLegacy(current, checkLegacyPatch(input, ""));
}

/** What the older dialect cannot say stays: a change of what comes in opens nothing that goes out. */
function patchLegacy(current: WrittenNetwork | undefined, patch: Partial<LegacyFirewall>): WrittenNetwork {
  const policy = policyOf(current);
  const before = asLegacy(current);
  const { mode = before.mode } = patch;
  const isInRules = current !== undefined && writtenAs(current)?.dialect !== "legacy";
  if (patch.ingress === undefined && isInRules) {
    const ingress = { ...policy.ingress, default: actionOf(mode) };
    return written({ ...policy, ingress }, { dialect: "rules" });
  }
  return finishLegacy({ mode, ingress: patch.ingress ?? before.ingress }, policy, "");
}

/** The dialect to answer in: who writes a firewall in one reads it, whatever is known of clients of its kind. */
export function answerDialect(input: Input | null | undefined, client: Dialect): Dialect {
  // That kind reads both.
  if (client === "modern" || input === undefined || input === null) return client;
  if (Object.keys(input).length === 0) return client;
  return isLegacy(input) ? "legacy" : "rules";
}

function isLegacy(input: Input): boolean {
  // What says how egress is closed is heard, whatever stands beside it.
  if (hasEgressMode(input)) return false;
  return Object.hasOwn(input, "mode") || Array.isArray(input["ingress"]);
}

function parseRules(input: Input, base: WrittenPolicy, prefix: string): WrittenNetwork {
  return finishRules(madeWhole(input, base, prefix), prefix);
}

/** What `deny_all` ignores beside it must be a word of some dialect: what is none may have been meant to say something. */
function withoutOtherDialect(egress: unknown): unknown {
  if (!isObject(egress) || egress["mode"] !== "deny_all") return egress;
  const ofRules = Object.keys(FirewallSchema.properties.egress.properties);
  return Object.fromEntries(Object.entries(egress).filter(([name]) => !ofRules.includes(name)));
}

function madeWhole(input: Input, base: WrittenPolicy, prefix: string): WrittenPolicy {
  if (!hasEgressMode(input)) return fillIn(checkRules(input, prefix), base);
  if (Object.hasOwn(input, "mode")) {
    throw invalid(join(prefix, "mode"), "the mode of ingress and that of egress are of different dialects");
  }
  const { egress, ...beside } = input;
  const rest = checkRules(beside, prefix);
  const at = join(prefix, "egress");
  const mode = checkEgressMode(withoutOtherDialect(egress), at);
  const { dns: before, ...others } = base;
  return fillIn({ ...rest, ...egressRules(mode, rest.dns, before, at) }, others);
}

/** `base` has what the dialect says nothing of. */
function finishLegacy(policy: Required<LegacyFirewall>, base: WrittenPolicy, prefix: string): WrittenNetwork {
  const count = policy.ingress.reduce((sum, rule) => sum + Math.max(rule.sourceCidrs?.length ?? 0, 1), 0);
  if (count > MAX_FIREWALL_RULES) {
    const detail = `ingress has ${count} networks in all its rules; at most ${MAX_FIREWALL_RULES} are accepted`;
    throw invalid(join(prefix, "ingress"), detail);
  }
  for (const [index, rule] of policy.ingress.entries()) {
    const at = join(prefix, `ingress.${index}`);
    if (rule.portEnd !== undefined && rule.portEnd < rule.portStart) {
      throw invalid(join(at, "portEnd"), `portEnd ${rule.portEnd} is below portStart ${rule.portStart}`);
    }
    for (const [position, cidr] of (rule.sourceCidrs ?? []).entries()) {
      if (familyOf(cidr) === 6 && !isMapped(cidr)) continue;
      const field = join(at, `sourceCidrs.${position}`);
      throw invalid(field, `${JSON.stringify(cidr)} is not an IPv6 network such as 2001:db8::/32`);
    }
  }
  return written({ ...base, ingress: ingressOf(policy) }, { dialect: "legacy", policy });
}

function finishRules(policy: WrittenPolicy, prefix: string): WrittenNetwork {
  const { rateLimit } = policy.egress;
  if (rateLimit !== undefined && "kbitPerSec" in rateLimit === "packetsPerSec" in rateLimit) {
    throw invalid(join(prefix, "egress.rateLimit"), "give exactly one of kbitPerSec and packetsPerSec");
  }
  for (const direction of ["ingress", "egress"] as const) {
    for (const [index, rule] of policy[direction].rules.entries()) {
      checkRule(rule, direction, join(prefix, `${direction}.rules.${index}`));
    }
  }
  const domains = policy.dns?.domains.map((domain, index) =>
    requirePattern(domain, join(prefix, `dns.domains.${index}`)),
  );
  const whole: WrittenPolicy = {
    ...policy,
    egress: { ...policy.egress, rules: policy.egress.rules.map((rule) => normalised(rule)) },
    ...(policy.dns === undefined || domains === undefined ? {} : { dns: { ...policy.dns, domains } }),
  };
  refuseDeadRules(whole, prefix);
  return written(whole, { dialect: "rules" });
}

function checkRule(rule: FirewallRule, direction: "ingress" | "egress", at: string): void {
  if (rule.kind === "fqdn") {
    if (direction === "ingress") throw invalid(join(at, "kind"), "ingress knows only cidr");
    requirePattern(rule.value, join(at, "value"));
  } else if (familyOf(rule.value) === 0) {
    const quoted = JSON.stringify(rule.value.slice(0, 80));
    throw invalid(join(at, "value"), `${quoted} is not a network such as 192.0.2.0/24 or 2001:db8::/32`);
  } else if (isMapped(rule.value)) {
    throw invalid(join(at, "value"), `${rule.value} is IPv4 in another notation; write it as IPv4`);
  }
  if (!arePorts(rule.ports)) {
    throw invalid(
      join(at, "ports"),
      'ports must be "any", a port such as "443" or a range such as "8080-8090"',
    );
  }
  if (rule.protocol !== "tcp" && rule.protocol !== "udp" && rule.ports !== "any") {
    throw invalid(join(at, "ports"), `ports must be "any" when the protocol is ${rule.protocol}`);
  }
}

/** A rule that allows a name which may not be resolved could never match: better told now than wondered about later. */
function refuseDeadRules({ egress, dns }: WrittenPolicy, prefix: string): void {
  if (dns === undefined) return;
  const domains = new DomainList(dns.domains);
  for (const [index, rule] of egress.rules.entries()) {
    if (rule.kind !== "fqdn" || rule.action !== "allow") continue;
    const dead = dns.mode === "allow" ? !domains.overlaps(rule.value) : domains.covers(rule.value);
    const field = join(prefix, `egress.rules.${index}.value`);
    if (dead) throw invalid(field, `${rule.value} can never be reached: dns does not let it be resolved`);
  }
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

function isObject(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function join(prefix: string, rest: string): string {
  return prefix === "" ? rest : `${prefix}.${rest}`;
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
