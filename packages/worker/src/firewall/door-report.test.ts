import type { Hits } from "@fastvm/contract";
import { expect, test } from "vitest";
import { policy, rule } from "../testing/policies.ts";
import { NO_HITS, withDoor, withDrops } from "./door-report.ts";
import { parseListing, readDoor, readReport } from "./read-table.ts";

const hits = (packets: number): Hits => ({ packets, bytes: packets * 40 });
const VETH = "fv-1";

function listed(comment: string, packets: number, verdict: "accept" | "return"): object {
  return {
    rule: { chain: comment.split(" ")[0], comment, expr: [{ counter: hits(packets) }, { [verdict]: null }] },
  };
}

const listing = (...items: readonly object[]): ReturnType<typeof parseListing> =>
  parseListing(JSON.stringify({ nftables: items }));
const host = (...items: readonly object[]): ReturnType<typeof readReport> =>
  readReport(
    listing(...items, {
      set: { name: "dropped", elem: [{ elem: { val: VETH, counter: hits(5) } }] },
    }),
    VETH,
    policy([rule("192.0.2.0/24"), rule("198.51.100.0/24", { action: "deny" })], [rule("::/0")]),
  );

test("a denial's hits are those of both places, and so are drops; what is let through counts in the host's alone", () => {
  const door = readDoor(
    listing(
      { counter: { name: "dropped", ...hits(9) } },
      listed("egress 0", 7, "accept"),
      // Of several forms of one network.
      listed("egress 1", 2, "return"),
      listed("egress 1", 3, "return"),
      listed("egress default", 4, "return"),
      listed("ingress 0", 6, "accept"),
      listed("ingress default", 1, "return"),
    ),
  );
  const report = withDoor(
    host(
      listed("egress 0", 7, "accept"),
      listed("egress 1", 1, "return"),
      listed("ingress 0", 6, "accept"),
      listed("ingress default", 8, "return"),
    ),
    door,
  );
  expect(report.rules).toEqual({ egress: [hits(7), hits(6)], ingress: [hits(6)] });
  expect(report.defaults).toEqual({ egress: hits(4), ingress: hits(9) });
  expect(report.dropped).toEqual(hits(14));
  expect(report.traffic).toEqual({ sent: NO_HITS, received: NO_HITS });
});

test("a door that counts nothing, or cannot be read, leaves what the host says", () => {
  const report = host(listed("egress 1", 1, "return"));
  expect(withDoor(report, undefined)).toEqual(report);
  expect(withDrops(report, undefined)).toEqual(report);
  expect(withDoor(report, readDoor([]))).toEqual(report);
});
