/** Firewalls for people, in the dialect in which they come. */
import type { FirewallHits, FirewallPolicy, FirewallReport, FirewallRule, NetworkPolicy, Vm } from "fastvm";
import { bytes } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";

type Hits = FirewallHits["dropped"];
type Direction = "ingress" | "egress";

/** What was written. */
export function showPolicy(session: Session, { firewall }: Vm): void {
  if (session.isJson) printJson(firewall ?? null);
  else if (firewall === undefined) printLine("No policy: nothing comes in, everything may go out");
  else if ("mode" in firewall) showIngress(firewall);
  else showRules(firewall, undefined);
}

/** What is enforced, and how often each rule has decided. */
export function showReport(session: Session, report: FirewallReport): void {
  if (session.isJson) {
    printJson(report);
    return;
  }
  const { policy, hits } = report;
  showRules(policy, hits);
  if (hits === undefined) return;
  const { sent, received } = hits.traffic;
  printLine(
    `traffic: ${counted(sent)} sent, ${counted(received)} received, ${counted(hits.dropped)} dropped`,
  );
  const { answered, refused, filtered, limited, failed } = hits.dns;
  const verdicts = { answered, refused, filtered, limited, failed };
  const shown = Object.entries(verdicts).map(([verdict, count]) => `${count} ${verdict}`);
  printLine(`questions for names: ${shown.join(", ")}`);
}

function showIngress({ mode, ingress: rules = [] }: FirewallPolicy): void {
  printLine(`mode: ${mode}`);
  if (rules.length === 0) return;
  const rows = rules.map((rule) => [
    rule.protocol,
    portsOf(rule),
    rule.sourceCidrs?.join(",") || "any",
    rule.description ?? "",
  ]);
  printLine(renderTable(["PROTOCOL", "PORTS", "FROM", "DESCRIPTION"], rows));
}

function portsOf({ portStart, portEnd }: FirewallRule): string {
  return portEnd === undefined || portEnd === portStart ? String(portStart) : `${portStart}-${portEnd}`;
}

function showRules(policy: NetworkPolicy, hits: FirewallHits | undefined): void {
  const counts = hits === undefined ? [] : ["PACKETS", "BYTES"];
  const header = ["WAY", "ACTION", "PEER", "PROTOCOL", "PORTS", ...counts, "DESCRIPTION"];
  const rows = [...directionRows(policy, "ingress", hits), ...directionRows(policy, "egress", hits)];
  printLine(renderTable(header, rows));
  printLine(`names: ${namesOf(policy)}`);
  const limit = policy.egress?.rateLimit;
  if (limit === undefined) return;
  const rate = "kbitPerSec" in limit ? `${limit.kbitPerSec} kbit/s` : `${limit.packetsPerSec} packets/s`;
  printLine(`sends at most: ${rate}`);
}

function namesOf({ dns }: NetworkPolicy): string {
  if (dns === undefined) return "as egress has it";
  return `${namesThatResolve(dns)}${dns.blockBypass === true ? ", other resolvers blocked" : ""}`;
}

/** In words, since a list of what is denied that is empty denies nothing, and one of what is allowed allows nothing. */
function namesThatResolve({ mode = "deny", domains = [] }: NonNullable<NetworkPolicy["dns"]>): string {
  if (domains.length === 0) return mode === "allow" ? "none resolve" : "all resolve";
  return `${mode === "allow" ? "only" : "all but"} ${domains.join(", ")} resolve`;
}

function directionRows(policy: NetworkPolicy, direction: Direction, hits: FirewallHits | undefined) {
  const way = direction === "ingress" ? "in" : "out";
  const { rules = [], default: otherwise = direction === "ingress" ? "deny" : "allow" } =
    policy[direction] ?? {};
  const seen = hits?.[direction];
  return [
    ...rules.map((rule, index) => [
      ...[way, rule.action, rule.value, rule.protocol, rule.ports],
      ...cells(hits, seen?.rules[index]),
      rule.description ?? "",
    ]),
    [way, otherwise, "everything else", "any", "any", ...cells(hits, seen?.default), ""],
  ];
}

function cells(hits: FirewallHits | undefined, seen: Hits | undefined): string[] {
  return hits === undefined ? [] : [String(seen?.packets ?? 0), bytes(seen?.bytes ?? 0)];
}

function counted(hits: Hits): string {
  return `${hits.packets} packets (${bytes(hits.bytes)})`;
}
