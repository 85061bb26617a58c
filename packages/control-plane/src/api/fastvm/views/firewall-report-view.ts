/** A VM's policy with what each of its rules has decided. */
import type { FirewallReport, FirewallRule, Hits, NetworkPolicy, NetworkReport } from "@fastvm/contract";
import { firewallView } from "../firewall/render.ts";

type Direction = "ingress" | "egress";

/** The policy that is in force; with the counts of its rules where the worker has them. */
export function firewallReportView(
  inForce: NetworkPolicy,
  report: NetworkReport | undefined,
): FirewallReport {
  const policy = firewallView(inForce);
  if (report === undefined || !belongs(inForce, report)) return { policy };
  const { traffic, dropped, dns } = report;
  const hitsOf = (direction: Direction) => ({
    rules: inForce[direction].rules.map((rule, index) => ruleHits(rule, report.rules[direction][index])),
    default: report.defaults[direction],
  });
  return { policy, hits: { ingress: hitsOf("ingress"), egress: hitsOf("egress"), traffic, dropped, dns } };
}

/** Counts of another policy than the record's would be told of the wrong rules. */
function belongs(policy: NetworkPolicy, { rules }: NetworkReport): boolean {
  return (
    rules.ingress.length === policy.ingress.rules.length && rules.egress.length === policy.egress.rules.length
  );
}

function ruleHits(rule: FirewallRule, { packets, bytes }: Hits = { packets: 0, bytes: 0 }) {
  return { ...rule, packets, bytes };
}
