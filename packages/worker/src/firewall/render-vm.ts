/**
 * A VM's part of the table as text for nft: chains with the rules of its policy, `vm<index>_egress`,
 * `_host` and `_ingress`, and its elements in the sets and maps by which the shared chains find them.
 */
import type { NetworkPolicy } from "@fastvm/contract";
import type { FirewallGuest } from "./guest-port.ts";
import { formatAddress, parseAddress } from "../ip/ip-network.ts";
import { interceptMark, renderIntercept } from "./render-intercept.ts";
import type { InterceptPorts } from "./render-intercept.ts";
import { renderEgress, renderHost, renderIngress } from "./render-rules.ts";
import { BYPASS_BLOCKED, COUNTER_SETS, LIMITS, tableName, VM_CHAINS } from "./render-table.ts";
import type { CountsBySet, TableOptions } from "./render-table.ts";

export interface GuestPolicy {
  readonly guest: FirewallGuest;
  readonly policy: NetworkPolicy;
  /** Where its proxy is, while there is one. */
  readonly proxy?: InterceptPorts | undefined;
}

const DEVICE_SETS: readonly string[] = [...COUNTER_SETS, ...Object.keys(LIMITS)];

/** Those that a policy has: most have no rules for the host itself, and intercept nothing. */
export function policyChains({ guest, policy }: GuestPolicy): readonly string[] {
  const hasHost = renderHost(guest.index, policy).next().done !== true;
  const has = { egress: true, host: hasHost, ingress: true, intercept: policy.interception !== undefined };
  return VM_CHAINS.filter((name) => has[name]).map((name) => chainOf(guest, name));
}

/** Goes before `renderInstall`: what a VM's counts begin with. */
export function renderCounts({ instance }: TableOptions, veth: string, counts: CountsBySet): string {
  return COUNTER_SETS.map((set) => {
    const { packets, bytes } = counts[set];
    return `add element ${tableName(instance)} ${set} { "${requireVeth(veth)}" counter packets ${packets} bytes ${bytes} }\n`;
  }).join("");
}

/** A VM with its policy, in place of what it had before, line by line; its counts of rules start anew, its others go on. */
export function* renderInstall(
  { instance }: TableOptions,
  next: GuestPolicy,
  former?: GuestPolicy,
): Generator<string> {
  const table = tableName(instance);
  const chains = policyChains(next);
  const [elements, before] = [elementsOf(next), former === undefined ? [] : elementsOf(former)];
  for (const chain of chains) yield `add chain ${table} ${chain}\nflush chain ${table} ${chain}\n`;
  for (const [name, rules] of Object.entries(rulesOf(next, instance))) {
    for (const rule of rules) yield `add rule ${table} ${chainOf(next.guest, name)} ${rule}\n`;
  }
  for (const element of before) if (!elements.includes(element)) yield `delete element ${table} ${element}\n`;
  for (const element of elements) if (!before.includes(element)) yield `add element ${table} ${element}\n`;
  const left = former === undefined ? [] : policyChains(former).filter((chain) => !chains.includes(chain));
  yield* dropChains(table, left);
}

export function renderDetach({ instance }: TableOptions, vm: GuestPolicy): string {
  const table = tableName(instance);
  const elements = elementsOf(vm).map((element) => `delete element ${table} ${element}\n`);
  return [...elements, ...dropChains(table, policyChains(vm))].join("");
}

function rulesOf(
  { guest, policy, proxy }: GuestPolicy,
  instance: string,
): Readonly<Record<string, Iterable<string>>> {
  const { interception } = policy;
  return {
    egress: renderEgress(guest.index, policy),
    host: renderHost(guest.index, policy),
    ingress: renderIngress(policy),
    intercept:
      interception === undefined ? [] : renderIntercept(interception, proxy, interceptMark(instance)),
  };
}

/** What the shared chains look up of a VM, each as `set { element }`. */
function elementsOf(vm: GuestPolicy): readonly string[] {
  const { guest, policy } = vm;
  const device = `"${requireVeth(guest.veth)}"`;
  const [ipv4, hostIpv4, publicIpv6] = [guest.ipv4, guest.hostIpv4, guest.publicIpv6].map(canonical);
  const prefix = chainOf(guest, "");
  return [
    ...DEVICE_SETS.map((set) => `${set} { ${device} }`),
    `addresses4 { ${device} . ${ipv4} }`,
    `addresses6 { ${device} . ${publicIpv6} }`,
    `cables { ${device} . ${ipv4} . ${hostIpv4} }`,
    ...(policy.dns.blockBypass ? [`${BYPASS_BLOCKED} { ${device} }`] : []),
    ...policyChains(vm).map((chain) => `${chain.slice(prefix.length)}_of { ${device} : goto ${chain} }`),
  ];
}

/** First emptied: a chain that another leads to cannot go. */
function dropChains(table: string, chains: readonly string[]): readonly string[] {
  return ["flush", "delete"].flatMap((verb) => chains.map((chain) => `${verb} chain ${table} ${chain}\n`));
}

function chainOf({ index }: FirewallGuest, name: string): string {
  return `vm${index}_${name}`;
}

function canonical(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${JSON.stringify(text)} is no address`);
  return formatAddress(address);
}

function requireVeth(name: string): string {
  // The kernel allows 15 bytes; these need no quoting anywhere.
  if (!/^[a-zA-Z0-9_-]{1,15}$/.test(name)) throw new Error(`${JSON.stringify(name)} is no device name`);
  return name;
}
