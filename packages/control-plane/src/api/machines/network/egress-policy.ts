/**
 * What a machine may reach, in this API's words and in the engine's. The older fields become the same rules: `internet_access` that is
 * false closes everything, whatever stands beside it; `allow_out` makes exceptions from `deny_out`, and alone lets out what it names.
 */
import type { EgressBody, FirewallRule, WrittenPolicy } from "@fastvm/contract";
import {
  DEFAULT_POLICY,
  EVERY_NAME,
  isWholeFamily,
  policyOf,
  type WrittenNetwork,
} from "../../../engine/engine.ts";
import { egressRules, networkRules } from "../../shared/egress-mode.ts";

const API = "nullspace";

interface LegacyEgress {
  readonly denied: readonly string[];
  readonly allowed: readonly string[];
}

/** A change of `current`: what comes in stays as it is. Asked for the same, it answers the same. */
export function withEgress(
  current: WrittenNetwork | undefined,
  egress: EgressBody,
  at: string,
): WrittenNetwork {
  const { ingress, dns: before } = policyOf(current);
  // What this API made of an earlier mode is no wish of anybody's.
  const kept = current?.presentation.api === API ? undefined : before;
  const { egress: rules, dns } = egressRules(egress, openedNames(egress), kept, at);
  const policy = { ingress, egress: rules, ...(dns === undefined ? {} : { dns: { ...EVERY_NAME, ...dns } }) };
  return written(policy, effective(egress));
}

const SSH_RULE: FirewallRule = {
  action: "allow",
  kind: "cidr",
  value: "::/0",
  protocol: "tcp",
  ports: "22",
  description: "auto: ssh-access",
};

/** Port 22 is open to whoever no rule keeps out. `undefined`: it was already. */
export function withSsh(current: WrittenNetwork | undefined): WrittenNetwork | undefined {
  const policy = policyOf(current);
  const { rules } = policy.ingress;
  if (rules.some(({ description }) => description === SSH_RULE.description)) return undefined;
  const ingress = { ...policy.ingress, rules: [...rules, SSH_RULE] };
  return written({ ...policy, ingress }, shownEgress(current) ?? null);
}

export function legacyEgress({ denied, allowed }: LegacyEgress): WrittenNetwork {
  const rules = [
    ...networkRules("allow", allowed, "network.allow_out"),
    ...networkRules("deny", denied, "network.deny_out"),
  ];
  const names = opensAll(allowed) ? { dns: EVERY_NAME } : {};
  const egress = { default: denied.length === 0 ? ("deny" as const) : ("allow" as const), rules };
  return written({ ingress: DEFAULT_POLICY.ingress, egress, ...names }, null);
}

/** As it was written last by this API. */
export function shownEgress(network: WrittenNetwork | undefined): EgressBody | undefined {
  const presentation = network?.presentation;
  return presentation?.api === API ? ((presentation.value as EgressBody | null) ?? undefined) : undefined;
}

/** Names are asked for by questions that carry what the asker likes: lists let out what they name, and all names only with all networks. */
function openedNames({ mode, allow_cidrs }: EgressBody): typeof EVERY_NAME | undefined {
  return mode === "custom" && opensAll(allow_cidrs ?? []) ? EVERY_NAME : undefined;
}

function opensAll(networks: readonly string[]): boolean {
  return networks.some((network) => isWholeFamily(network));
}

/** What of it counts. */
function effective({ mode, allow_cidrs, deny_cidrs, rate_limit }: EgressBody): EgressBody {
  const given = Object.entries(rate_limit ?? {}).filter(([, value]) => value !== null);
  const limit = given.length === 0 ? {} : { rate_limit: Object.fromEntries(given) };
  if (mode !== "custom") return { mode, ...limit };
  return { mode, allow_cidrs: allow_cidrs ?? [], deny_cidrs: deny_cidrs ?? [], ...limit };
}

function written(policy: WrittenPolicy, value: EgressBody | null): WrittenNetwork {
  return { policy, presentation: { api: API, value } };
}
