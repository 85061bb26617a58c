/** Egress modes become rules; `deny_all` cannot be weakened by what stands beside it. */
import { FastvmError } from "@fastvm/contract";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_POLICY, policyOf } from "../../../engine/network/policy.ts";
import type { WrittenNetwork } from "../../../store/vm-settings.ts";
import { written, writtenAs } from "./presentation.ts";
import { parseFirewall, patchFirewall } from "./validate.ts";

const rule = (action: "allow" | "deny", value: string) => ({
  ...{ action, kind: "cidr" as const, value },
  ...{ protocol: "any" as const, ports: "any" },
});
const CLOSED = {
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: true },
};
const rulesOf = (network: WrittenNetwork | undefined) => {
  expect(writtenAs(network)).toEqual({ dialect: "rules" });
  return policyOf(network);
};

test.each<[string, object, object?]>([
  ["all", { mode: "allow_all" }, { default: "allow", rules: [] }],
  ["all, with lists that are empty", { mode: "allow_all", allow_cidrs: [], deny_cidrs: null }],
  [
    "all, shaped by bits",
    { mode: "allow_all", rate_limit: { kbit_per_sec: 1 } },
    { rateLimit: { kbitPerSec: 1 } },
  ],
  [
    "all, shaped by packets",
    { mode: "allow_all", rate_limit: { pps: 1000, burst: 50, kbit_per_sec: null } },
    { rateLimit: { packetsPerSec: 1000, burst: 50 } },
  ],
  ["own rules without any", { mode: "custom" }, { default: "allow", rules: [] }],
  [
    "only what is listed",
    { mode: "custom", allow_cidrs: ["192.0.2.0/24", "203.0.113.7/32"] },
    { default: "deny", rules: [rule("allow", "192.0.2.0/24"), rule("allow", "203.0.113.7/32")] },
  ],
  [
    "all but what is listed",
    { mode: "custom", deny_cidrs: ["10.0.0.0/8"] },
    { default: "allow", rules: [rule("deny", "10.0.0.0/8")] },
  ],
  [
    "denials before permissions",
    { mode: "custom", allow_cidrs: ["192.0.2.0/24"], deny_cidrs: ["192.0.2.128/25"] },
    { default: "deny", rules: [rule("deny", "192.0.2.128/25"), rule("allow", "192.0.2.0/24")] },
  ],
  [
    "no IPv6 either, where all of IPv4 is denied",
    { mode: "custom", deny_cidrs: ["0.0.0.0/0"] },
    { default: "allow", rules: [rule("deny", "0.0.0.0/0"), rule("deny", "::/0")] },
  ],
])("a mode is rules: %s", (_name, egress, expected = {}) => {
  const policy = rulesOf(parseFirewall({ egress }));
  expect(policy).toEqual({ ...DEFAULT_POLICY, egress: { default: "allow", rules: [], ...expected } });
  expect(policy).toEqual(rulesOf(parseFirewall({ ...policy })));
});

describe("deny_all", () => {
  test("stops every address of both families and answers no name", () => {
    expect(rulesOf(parseFirewall({ egress: { mode: "deny_all" } }))).toEqual({
      ...DEFAULT_POLICY,
      ...CLOSED,
    });
  });

  test("is not weakened by any other field, in a whole policy or a change", () => {
    const action = fc.constantFrom("allow", "deny");
    const cidrs = fc.option(fc.array(fc.constantFrom("0.0.0.0/0", "10.0.0.0/8", "::/0", "nonsense")));
    const beside = fc.record(
      {
        default: action,
        rules: fc.constant([rule("allow", "0.0.0.0/0"), rule("allow", "::/0")]),
        allow_cidrs: cidrs,
        deny_cidrs: cidrs,
        rate_limit: fc.constantFrom(null, { pps: 5 }, { kbit_per_sec: 9, burst: 2 }),
        rateLimit: fc.constant({ kbitPerSec: 1 }),
      },
      { requiredKeys: [] },
    );
    const dns = fc.record({ mode: action, domains: fc.constant(["example.com"]), blockBypass: fc.boolean() });
    const above = fc.record({ dns, ingress: fc.constant({ default: "allow" }) }, { requiredKeys: [] });
    const open = parseFirewall({ mode: "open", ingress: [] });
    const property = fc.property(above, beside, fc.boolean(), (around, extra, isPatch) => {
      const input = { ...around, egress: { ...extra, mode: "deny_all" } };
      const policy = rulesOf(isPatch ? patchFirewall(open, input) : parseFirewall(input));
      const { rateLimit: _, ...reach } = policy.egress;
      expect({ egress: reach, dns: policy.dns }).toEqual(CLOSED);
    });
    fc.assert(property, { seed: 4, numRuns: 300 });
  });

  test("may have a limit, which weakens nothing", () => {
    const egress = { mode: "deny_all", rate_limit: { pps: 5 } };
    expect(rulesOf(parseFirewall({ egress })).egress.rateLimit).toEqual({ packetsPerSec: 5 });
  });
});

test.each([
  ["an unknown mode", { egress: { mode: "deny-all" } }, "egress.mode"],
  ["no text as mode", { egress: { mode: null } }, "egress.mode"],
  [
    "networks without the mode custom",
    { egress: { mode: "allow_all", deny_cidrs: ["10.0.0.0/8"] } },
    "egress.mode",
  ],
  ["IPv6", { egress: { mode: "custom", allow_cidrs: ["10.0.0.0/8", "fd00::/8"] } }, "egress.allow_cidrs.1"],
  ["an address alone", { egress: { mode: "custom", deny_cidrs: ["10.0.0.1"] } }, "egress.deny_cidrs.0"],
  [
    "a prefix that is too long",
    { egress: { mode: "custom", deny_cidrs: ["10.0.0.1/33"] } },
    "egress.deny_cidrs.0",
  ],
  ["networks that are no list", { egress: { mode: "deny_all", allow_cidrs: "all" } }, "egress.allow_cidrs"],
  [
    "both rates",
    { egress: { mode: "custom", rate_limit: { pps: 1, kbit_per_sec: 1 } } },
    "egress.rate_limit",
  ],
  ["no rate", { egress: { mode: "custom", rate_limit: { burst: 1 } } }, "egress.rate_limit"],
  ["a rate of 0", { egress: { mode: "custom", rate_limit: { pps: 0 } } }, "egress.rate_limit.pps"],
  ["half a packet", { egress: { mode: "custom", rate_limit: { pps: 1.5 } } }, "egress.rate_limit.pps"],
  ["a rate as text", { egress: { mode: "deny_all", rate_limit: { pps: "5" } } }, "egress.rate_limit.pps"],
  [
    "a burst of 0",
    { egress: { mode: "custom", rate_limit: { pps: 1, burst: 0 } } },
    "egress.rate_limit.burst",
  ],
  ["two dialects at once", { mode: "open", egress: { mode: "deny_all" } }, "mode"],
  ["the older ingress beside it", { ingress: [], egress: { mode: "deny_all" } }, "ingress"],
  [
    "more networks than rules there may be",
    {
      egress: {
        mode: "custom",
        allow_cidrs: Array(200).fill("10.0.0.0/8"),
        deny_cidrs: Array(57).fill("10.0.0.0/8"),
      },
    },
    "egress",
  ],
  [
    "both rates as rules",
    { egress: { default: "allow", rateLimit: { kbitPerSec: 1, packetsPerSec: 1 } } },
    "egress.rateLimit",
  ],
  ["no rate as rules", { egress: { default: "allow", rateLimit: { burst: 1 } } }, "egress.rateLimit"],
  [
    "a rate of 0 as rules",
    { egress: { default: "allow", rateLimit: { kbitPerSec: 0 } } },
    "egress.rateLimit.kbitPerSec",
  ],
  [
    "IPv4 in the notation of IPv6",
    { egress: { default: "allow", rules: [{ ...rule("deny", "::ffff:10.0.0.0/104") }] } },
    "egress.rules.0.value",
  ],
])("refuses %s", (_name, input, field) => {
  for (const parse of [() => parseFirewall(input), () => patchFirewall(undefined, input)]) {
    expect(parse).toThrow(FastvmError);
    expect(parse).toThrow(expect.objectContaining({ code: "invalid_request", field }));
  }
});

describe("a change", () => {
  const names = { mode: "allow" as const, domains: ["debian.org"], blockBypass: true };
  const ingress = { default: "deny" as const, rules: [{ ...rule("allow", "::/0") }] };
  const egress = { default: "deny" as const, rules: [rule("allow", "192.0.2.0/24")] };
  const before = written({ ingress, egress, dns: names }, { dialect: "rules" });

  test("of egress by mode leaves ingress and names", () => {
    const after = rulesOf(patchFirewall(before, { egress: { mode: "allow_all" } }));
    expect(after).toEqual({ ingress, egress: DEFAULT_POLICY.egress, dns: names });
  });

  test("away from deny_all lets names be resolved again, unless it says which", () => {
    const closed = patchFirewall(before, { egress: { mode: "deny_all" } });
    expect(rulesOf(closed)).toEqual({ ingress, ...CLOSED });
    const opened = patchFirewall(closed, { egress: { mode: "custom", allow_cidrs: ["192.0.2.0/24"] } });
    expect(rulesOf(opened).dns).toEqual(DEFAULT_POLICY.dns);
    const named = patchFirewall(closed, { egress: { mode: "allow_all" }, dns: names });
    expect(rulesOf(named).dns).toEqual(names);
  });

  test.each([
    ["mode", { mode: "open" }, { ingress: { ...ingress, default: "allow" } }],
    ["rules", { ingress: [] }, { ingress: { default: "deny", rules: [] } }],
    ["both", { mode: "open", ingress: [] }, { ingress: { default: "allow", rules: [] } }],
  ])("in the older dialect opens nothing that goes out: %s", (_name, patch, changed) => {
    const after = patchFirewall(before, patch);
    expect(policyOf(after)).toEqual({ ...before.policy, ...changed });
    expect(policyOf(patchFirewall(after, { mode: "restricted" })).egress).toEqual(before.policy.egress);
    expect(policyOf(parseFirewall({ mode: "open" }))).toMatchObject({ egress: { default: "allow" } });
  });
});
