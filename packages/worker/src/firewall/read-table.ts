/** Reads what nft prints about the table: counts, and what an earlier daemon left. */
import type { Hits, NetworkPolicy } from "@fastvm/contract";
import { addHits, NO_HITS } from "./door-report.ts";
import type { DoorReport } from "./door-report.ts";
import type { FirewallReport, TrafficReport } from "./guest-port.ts";
import { formatAddress, parseAddress } from "../ip/ip-network.ts";
import type { LearnedElement } from "./learned-addresses.ts";
import { DROPPED } from "./render-door.ts";
import { learnedSet } from "./render-rules.ts";
import { COUNTER_SETS } from "./render-table.ts";
import type { CountsBySet } from "./render-table.ts";

/** One object of the list that nft prints, such as a chain, a rule or a set. */
type Listed = Readonly<Record<string, unknown>>;

export interface TableState {
  /** The indexes of VMs that have chains. */
  readonly indexes: ReadonlySet<number>;
  /** By device. */
  readonly counts: ReadonlyMap<string, CountsBySet>;
  readonly learned: readonly (LearnedElement & { readonly ttlSec: number })[];
  /** How many rules each chain has. */
  readonly ruleCounts: ReadonlyMap<string, number>;
}

/** Of one or several outputs of `nft -j list`, one after the other. */
export function parseListing(output: string): readonly Listed[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .flatMap((line) => {
      const document: unknown = JSON.parse(line);
      const items = isRecord(document) ? document["nftables"] : undefined;
      return Array.isArray(items) ? items.filter(isRecord) : [];
    });
}

export function readTable(listing: readonly Listed[]): TableState {
  const sets = listing.flatMap(({ set }) => (isRecord(set) ? [set] : []));
  const ruleCounts = new Map<string, number>();
  for (const { rule } of listing) {
    if (!isRecord(rule)) continue;
    const chain = String(rule["chain"]);
    ruleCounts.set(chain, (ruleCounts.get(chain) ?? 0) + 1);
  }
  return {
    indexes: new Set(chainIndexes(listing)),
    counts: readCounts(listing),
    learned: sets.flatMap((set) => learnedElements(set)),
    ruleCounts,
  };
}

/** Counts of one VM, from listings of its two chains of rules and of the counting sets. */
export function readReport(
  listing: readonly Listed[],
  veth: string,
  { ingress, egress }: NetworkPolicy,
): FirewallReport {
  const byComment = hitsByComment(listing, () => true);
  const hits = (comment: string): Hits => byComment.get(comment) ?? NO_HITS;
  return {
    rules: {
      ingress: ingress.rules.map((_, position) => hits(`ingress ${position}`)),
      egress: egress.rules.map((_, position) => hits(`egress ${position}`)),
    },
    defaults: { ingress: hits("ingress default"), egress: hits("egress default") },
    ...readTraffic(listing, veth),
  };
}

/** Of a listing of a VM's second door. */
export function readDoor(listing: readonly Listed[]): DoorReport {
  const counter = listing
    .map((item) => item["counter"])
    .find((item) => isRecord(item) && item["name"] === DROPPED);
  return {
    // What a rule lets through the host's table counts, too.
    denied: hitsByComment(listing, (rule) => statementOf(rule, "return") !== undefined),
    dropped: hitsOf(counter),
  };
}

function readTraffic(listing: readonly Listed[], veth: string): TrafficReport {
  const count = (set: string): Hits => countsOf(listing, set).get(veth) ?? NO_HITS;
  return { traffic: { sent: count("sent"), received: count("received") }, dropped: count("dropped") };
}

/** By device, as one of the counting sets has them. */
function countsOf(listing: readonly Listed[], name: string): ReadonlyMap<string, Hits> {
  const set = listing.map((item) => item["set"]).find((item) => isRecord(item) && item["name"] === name);
  const entries = elementsOf(set).flatMap((element): [string, Hits][] => {
    const inner = isRecord(element) ? element["elem"] : undefined;
    return isRecord(inner) ? [[String(inner["val"]), hitsOf(inner["counter"])]] : [];
  });
  return new Map(entries);
}

function readCounts(listing: readonly Listed[]): ReadonlyMap<string, CountsBySet> {
  const [sent, received, dropped] = COUNTER_SETS.map((set) => countsOf(listing, set));
  const of = (counts: ReadonlyMap<string, Hits> | undefined, veth: string): Hits =>
    counts?.get(veth) ?? NO_HITS;
  return new Map(
    [...(sent?.keys() ?? [])].map((veth) => [
      veth,
      { sent: of(sent, veth), received: of(received, veth), dropped: of(dropped, veth) },
    ]),
  );
}

function chainIndexes(listing: readonly Listed[]): readonly number[] {
  const map = listing
    .map((item) => item["map"])
    .find((item) => isRecord(item) && item["name"] === "egress_of");
  return elementsOf(map).flatMap((element) => {
    const verdict = Array.isArray(element) && isRecord(element[1]) ? element[1]["goto"] : undefined;
    const target = isRecord(verdict) ? String(verdict["target"]) : "";
    const index = /^vm(\d+)_egress$/.exec(target)?.[1];
    return index === undefined ? [] : [Number(index)];
  });
}

function learnedElements(set: Listed): TableState["learned"] {
  const family = ([4, 6] as const).find((one) => learnedSet(one) === set["name"]);
  if (family === undefined) return [];
  return elementsOf(set).flatMap((element) => {
    const inner = isRecord(element) ? element["elem"] : undefined;
    const key = isRecord(inner) && isRecord(inner["val"]) ? inner["val"]["concat"] : undefined;
    if (!isRecord(inner) || !Array.isArray(key)) return [];
    const address = parseAddress(String(key[0]));
    if (address === undefined) return [];
    const rule = Number(key[2]).toString(16).padStart(8, "0");
    // In the last of its seconds an element has none left.
    const ttlSec = Number(inner["expires"] ?? 0);
    return [{ index: Number(key[1]), rule, family, address: formatAddress(address), ttlSec }];
  });
}

function hitsByComment(
  listing: readonly Listed[],
  isMeant: (rule: Listed) => boolean,
): ReadonlyMap<string, Hits> {
  const byComment = new Map<string, Hits>();
  for (const { rule } of listing) {
    if (!isRecord(rule) || typeof rule["comment"] !== "string" || !isMeant(rule)) continue;
    const hits = hitsOf(statementOf(rule, "counter")?.["counter"]);
    byComment.set(rule["comment"], addHits(byComment.get(rule["comment"]) ?? NO_HITS, hits));
  }
  return byComment;
}

function statementOf(rule: Listed, kind: string): Listed | undefined {
  const statements: readonly unknown[] = Array.isArray(rule["expr"]) ? rule["expr"] : [];
  return statements.filter(isRecord).find((statement) => Object.hasOwn(statement, kind));
}

function hitsOf(counter: unknown): Hits {
  if (!isRecord(counter)) return NO_HITS;
  return { packets: Number(counter["packets"]), bytes: Number(counter["bytes"]) };
}

function elementsOf(set: unknown): readonly unknown[] {
  const elements = isRecord(set) ? set["elem"] : undefined;
  return Array.isArray(elements) ? elements : [];
}

function isRecord(value: unknown): value is Listed {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
