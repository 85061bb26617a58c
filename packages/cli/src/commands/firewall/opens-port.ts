/** Whether a firewall, as it is enforced, lets anybody at all in at a port. */
import type { NetworkPolicy } from "fastvm";

/** The first rule that matches a packet decides; one that denies some addresses leaves the others to the rules behind it. */
export function opensPort(policy: NetworkPolicy, protocol: "tcp" | "udp", port: number): boolean {
  const { rules = [], default: otherwise = "deny" } = policy.ingress ?? {};
  const opening = rules.some((rule) => rule.action === "allow" && covers(rule, protocol, port));
  return opening || otherwise === "allow";
}

interface Rule {
  readonly protocol: string;
  readonly ports: string;
}

function covers(rule: Rule, protocol: string, port: number): boolean {
  return (rule.protocol === "any" || rule.protocol === protocol) && isWithin(rule.ports, port);
}

/** `any`, `22` or `8000-8010`. */
function isWithin(ports: string, port: number): boolean {
  const [first = "", last = first] = ports.split("-");
  return ports === "any" || (Number(first) <= port && port <= Number(last));
}
