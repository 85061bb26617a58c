/** What a VM's second door counted, and how it adds up with what the host's table did: each packet is dropped in one place at most. */
import type { Hits } from "@fastvm/contract";
import type { FirewallReport, TrafficReport } from "./guest-port.ts";

export interface DoorReport {
  /** By the comment of the rule or default that denied, such as `egress 0`. */
  readonly denied: ReadonlyMap<string, Hits>;
  readonly dropped: Hits;
}

export const NO_HITS: Hits = { packets: 0, bytes: 0 };

export function addHits(one: Hits, other: Hits): Hits {
  return { packets: one.packets + other.packets, bytes: one.bytes + other.bytes };
}

/** Without a door's: as the host says. */
export function withDoor(report: FirewallReport, door: DoorReport | undefined): FirewallReport {
  if (door === undefined) return report;
  const add = (hits: Hits, comment: string): Hits => addHits(hits, door.denied.get(comment) ?? NO_HITS);
  const { rules, defaults } = report;
  return {
    ...withDrops(report, door.dropped),
    rules: {
      ingress: rules.ingress.map((hits, position) => add(hits, `ingress ${position}`)),
      egress: rules.egress.map((hits, position) => add(hits, `egress ${position}`)),
    },
    defaults: {
      ingress: add(defaults.ingress, "ingress default"),
      egress: add(defaults.egress, "egress default"),
    },
  };
}

export function withDrops<T extends TrafficReport>(report: T, dropped: Hits | undefined): T {
  return dropped === undefined ? report : { ...report, dropped: addHits(report.dropped, dropped) };
}
