/**
 * What a policy says of a connection whose server's name is known: the kernel knew the address alone. A rule that allows a name allows
 * it and no other that has the same address; a rule that denies one denies it at whatever address.
 */
import type { FirewallRule, NetworkPolicy } from "@fastvm/contract";
import { isForeignForm, otherForms } from "../ip/address-forms.ts";
import { isGuarded } from "../ip/guarded-ranges.ts";
import { contains, parseAddress, parseNetwork } from "../ip/ip-network.ts";
import type { IpAddress } from "../ip/ip-network.ts";
import { matchesName } from "./learned-addresses.ts";
import { parsePorts } from "./port-range.ts";
import { isBroad } from "./render-rules.ts";

export interface NamedConnection {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
}

export interface Judgement {
  readonly allowed: boolean;
  /** By a rule for the name or for the network of the address; `default`: by none. */
  readonly by: "name" | "network" | "default";
}

const DENIED: Judgement = { allowed: false, by: "name" };

export function judge(
  { egress }: NetworkPolicy,
  { address: text, port, name }: NamedConnection,
  hasLearned: (rule: FirewallRule, address: string) => boolean,
): Judgement {
  const address = parseAddress(text);
  if (address === undefined) return DENIED;
  const guarded = isGuarded(text);
  for (const rule of egress.rules) {
    if (!isForPort(rule, port)) continue;
    const isAllowed = rule.action === "allow";
    if (rule.kind === "cidr") {
      const names = namesAddress(rule, address);
      if (names === "no" || (isAllowed && guarded && names === "broadly")) continue;
      if (guarded && rule.sparesGuarded === true && !isForeignForm(address)) continue;
      return { allowed: isAllowed, by: "network" };
    }
    const isNamed = name !== undefined && matchesName(rule.value, name);
    const isLearned = hasLearned(rule, text);
    if (!isAllowed && (isNamed || isLearned)) return DENIED;
    if (isAllowed && isNamed && isLearned && !guarded) return { allowed: true, by: "name" };
  }
  return { allowed: egress.default === "allow" && !guarded, by: "default" };
}

function isForPort({ protocol, ports }: FirewallRule, port: number): boolean {
  if (protocol !== "tcp" && protocol !== "any") return false;
  const range = parsePorts(ports);
  return range === "any" || (range !== undefined && port >= range.first && port <= range.last);
}

function namesAddress(rule: FirewallRule, address: IpAddress): "no" | "broadly" | "exactly" {
  const network = parseNetwork(rule.value);
  if (network === undefined) return "no";
  const forms = rule.action === "deny" ? [network, ...otherForms(network)] : [network];
  if (!forms.some((form) => contains(form, address))) return "no";
  return isBroad(network) ? "broadly" : "exactly";
}
