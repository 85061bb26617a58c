import type { FirewallRule, NetworkPolicy } from "@fastvm/contract";
import { describe, expect, it, test } from "vitest";
import { policy, rule } from "../testing/policies.ts";
import { allowsGuarded } from "./allows-guarded.ts";
import { judge } from "./judge.ts";
import * as render from "./render-rules.ts";
import { nameId, ruleId } from "./rule-id.ts";

const renderIngress = (one: NetworkPolicy) => [...render.renderIngress(one)];
const renderEgress = (index: number, one: NetworkPolicy) => [...render.renderEgress(index, one)];
const renderHost = (index: number, one: NetworkPolicy) => [...render.renderHost(index, one)];

const GUARD4 = "ct original ip daddr != @guarded4";
const GUARD6 = "ct original ip6 daddr != @guarded6";

describe("rules of egress", () => {
  it.each([
    [
      rule("198.51.100.0/24"),
      `meta nfproto ipv4 ct original ip daddr 198.51.100.0/24 ${GUARD4} counter accept`,
    ],
    [rule("198.51.100.7/32"), "meta nfproto ipv4 ct original ip daddr 198.51.100.7/32 counter accept"],
    [rule("10.1.2.3/16"), `meta nfproto ipv4 ct original ip daddr 10.1.0.0/16 counter accept`],
    [rule("::/0"), `meta nfproto ipv6 ${GUARD6} counter accept`],
    [
      rule("fd00::/8", { protocol: "udp", ports: "53" }),
      `meta nfproto ipv6 ct original ip6 daddr fd00:0:0:0:0:0:0:0/8 meta l4proto udp ct original proto-dst 53 counter accept`,
    ],
    [
      rule("2001:db8::/32", { protocol: "tcp", ports: "8080-8090", action: "deny" }),
      "meta nfproto ipv6 ct original ip6 daddr 2001:db8:0:0:0:0:0:0/32 meta l4proto tcp ct original proto-dst 8080-8090 counter return",
    ],
    [
      rule("10.0.0.0/8", { protocol: "tcp" }),
      `meta nfproto ipv4 ct original ip daddr 10.0.0.0/8 meta l4proto tcp counter accept`,
    ],
    [
      rule("198.51.100.7/32", { protocol: "icmpv4" }),
      "meta nfproto ipv4 ct original ip daddr 198.51.100.7/32 meta l4proto icmp counter accept",
    ],
    [
      rule("2001:db8::/32", { protocol: "icmpv6", action: "deny" }),
      "meta nfproto ipv6 ct original ip6 daddr 2001:db8:0:0:0:0:0:0/32 meta l4proto icmpv6 counter return",
    ],
    [
      rule("2001:db8::/32", { action: "deny", sparesGuarded: true }),
      `meta nfproto ipv6 ct original ip6 daddr 2001:db8:0:0:0:0:0:0/32 ${GUARD6} counter return`,
    ],
  ])("%j", (one, expected) => {
    expect(renderEgress(5, policy([one]))).toEqual([
      `${expected} comment "egress 0"`,
      'counter return comment "egress default"',
    ]);
  });

  it("that deny IPv4 deny the addresses of IPv6 that carry it", () => {
    const denied = rule("10.0.0.0/8", { protocol: "tcp", ports: "80", action: "deny" });
    const ending = 'meta l4proto tcp ct original proto-dst 80 counter return comment "egress 0"';
    expect(renderEgress(5, policy([denied]))).toEqual([
      `meta nfproto ipv4 ct original ip daddr 10.0.0.0/8 ${ending}`,
      `meta nfproto ipv6 ct original ip6 daddr 64:ff9b:0:0:0:0:a00:0/104 ${ending}`,
      `meta nfproto ipv6 ct original ip6 daddr 2002:a00:0:0:0:0:0:0/24 ${ending}`,
      'counter return comment "egress default"',
    ]);
    expect(renderHost(5, policy([denied]))).toHaveLength(3);
    expect(renderIngress(policy([], [denied]))[1]).toContain(
      "ct original ip6 saddr 64:ff9b:0:0:0:0:a00:0/104",
    );
    expect(renderEgress(5, policy([rule("0.0.0.0/0", { action: "deny" })])).slice(0, 2)).toEqual([
      'meta nfproto ipv4 counter return comment "egress 0"',
      'meta nfproto ipv6 ct original ip6 daddr 64:ff9b:0:0:0:0:0:0/96 counter return comment "egress 0"',
    ]);
  });

  it("that spare what is guarded deny the forms of which nobody knows whom they reach", () => {
    const world = rule("::/0", { action: "deny", sparesGuarded: true, protocol: "tcp", ports: "80" });
    const ending = 'meta l4proto tcp ct original proto-dst 80 counter return comment "egress 0"';
    const lines = renderEgress(5, policy([world]));
    for (const form of ["64:ff9b:1:0:0:0:0:0/48", "2001:0:0:0:0:0:0:0/32", "2002:0:0:0:0:0:0:0/16"])
      expect(lines).toContain(`meta nfproto ipv6 ct original ip6 daddr ${form} ${ending}`);
    expect(renderEgress(5, policy([{ ...world, value: "2001:db8::/32" }]))).toHaveLength(2);
  });

  it("that deny echoes of IPv4 deny those that a translator makes echoes of IPv4", () => {
    const denied = rule("10.0.0.0/8", { protocol: "icmpv4", action: "deny" });
    expect(renderEgress(5, policy([denied])).slice(0, 2)).toEqual([
      'meta nfproto ipv4 ct original ip daddr 10.0.0.0/8 meta l4proto icmp counter return comment "egress 0"',
      'meta nfproto ipv6 ct original ip6 daddr 64:ff9b:0:0:0:0:a00:0/104 meta l4proto icmpv6 counter return comment "egress 0"',
    ]);
  });

  it("by name look for the address, the VM and the rule, mark what they let in, and know it by the mark", () => {
    const byName = rule("*.example.test", { protocol: "tcp", ports: "443" });
    const id = ruleId(byName);
    const ports = "meta l4proto tcp ct original proto-dst 443";
    const key = `. (meta mark & 0x0 | 0x5) . (meta mark & 0x0 | 0x${nameId(byName)})`;
    expect(renderEgress(5, policy([rule("10.0.0.0/8"), byName])).slice(1, 4)).toEqual([
      `ct mark 0x${id} ${ports} counter accept comment "egress 1"`,
      `meta nfproto ipv4 ct original ip daddr ${key} @learned4 ${ports} ${GUARD4} ct mark set 0x${id} counter accept comment "egress 1"`,
      `meta nfproto ipv6 ct original ip6 daddr ${key} @learned6 ${ports} ${GUARD6} ct mark set 0x${id} counter accept comment "egress 1"`,
    ]);
  });

  it("that deny by name mark nothing", () => {
    const text = renderEgress(5, policy([rule("a.test", { action: "deny" })])).join("\n");
    expect(text).not.toContain("mark set");
    expect(text.match(/counter return comment "egress 0"/g)).toHaveLength(2);
  });

  it("guard the default", () => {
    expect(renderEgress(5, policy([], [], { egressDefault: "allow" }))).toEqual([
      `meta nfproto ipv4 ${GUARD4} counter accept comment "egress default"`,
      `meta nfproto ipv6 ${GUARD6} counter accept comment "egress default"`,
    ]);
  });

  it.each([
    { value: "10.0.0.0/8 accept", kind: "cidr" as const },
    { value: "10.0.0.0/8", ports: "80; flush ruleset", protocol: "tcp" as const },
    { value: "10.0.0.0/8", ports: "80" },
    { value: "a.test", kind: "fqdn" as const, protocol: "tcp" as const, ports: "99999" },
  ])("that make no sense are refused: %j", (wrong) => {
    expect(() => renderEgress(5, policy([rule("10.0.0.0/8", wrong)]))).toThrow("A rule has");
  });

  it("never carry a client's text", () => {
    const hostile = { ...rule("evil}; flush ruleset; #.test"), description: "flush ruleset" };
    expect(renderEgress(5, policy([hostile])).join("\n")).not.toContain("flush");
  });
});

describe("rules of egress to the host", () => {
  it("allow by exactly one address, and deny by whatever denies, in their order", () => {
    const rules = [
      rule("*.test", { action: "deny" }),
      rule("0.0.0.0/0"),
      rule("10.0.0.0/8", { action: "deny" }),
      rule("10.1.0.0/16"),
      rule("10.1.2.3/32"),
      rule("*.other.test"),
    ];
    const lines = renderHost(5, policy(rules));
    expect(lines.map((line) => line.match(/(accept|return) comment "egress .+"/)?.[0])).toEqual([
      'return comment "egress 0"',
      'return comment "egress 0"',
      ...Array.from({ length: 3 }, () => 'return comment "egress 2"'),
      'accept comment "egress 4"',
    ]);
  });

  it("allow nothing by default", () => {
    expect(renderHost(5, policy([]))).toEqual([]);
    expect(renderHost(5, policy([rule("0.0.0.0/0")], [], { egressDefault: "allow" }))).toEqual([]);
  });
});

describe("rules of ingress", () => {
  it("look at the source, and need no guard", () => {
    const ssh = rule("2001:db8::/32", { protocol: "tcp", ports: "22" });
    expect(renderIngress(policy([], [ssh], { ingressDefault: "allow" }))).toEqual([
      "meta nfproto ipv6 ct original ip6 saddr 2001:db8:0:0:0:0:0:0/32 " +
        'meta l4proto tcp ct original proto-dst 22 counter accept comment "ingress 0"',
      'counter accept comment "ingress default"',
    ]);
  });
});

describe("the id of a rule", () => {
  it("is the same for the same text, and another for any other", () => {
    const base = rule("a.test", { protocol: "tcp", ports: "80" });
    expect(ruleId({ ...base, description: "other" })).toBe(ruleId(base));
    const others = [
      rule("b.test", { protocol: "tcp", ports: "80" }),
      { ...base, ports: "81" },
      { ...base, protocol: "udp" as const },
      { ...base, action: "deny" as const },
    ];
    expect(new Set([base, ...others].map(ruleId)).size).toBe(5);
    expect(ruleId(base)).toMatch(/^[0-9a-f]{8}$/);
  });
});

test("a guarded address in another form is not allowed where the address is denied", () => {
  const opened = [rule("10.9.0.0/16", { action: "deny" }), rule("64:ff9b::/96"), rule("2002:a09::/32")];
  const allows = (rules: FirewallRule[], text: string) => allowsGuarded(policy(rules), text);
  expect(allows(opened, "2002:a09:909::1")).toBe(false);
  expect(allows(opened.slice(1), "2002:a09:909::1")).toBe(true);
});

test("the world that is denied has foreign forms in it, and nothing else that is guarded", () => {
  const world = ["0.0.0.0/0", "::/0"].map((all) => rule(all, { action: "deny", sparesGuarded: true }));
  const opened = policy([...world, rule("64:ff9b:1::/48"), rule("fd99::/16"), rule("10.0.0.0/8")]);
  const verdict = (address: string) => [
    judge(opened, { address, port: 80 }, () => false).allowed,
    allowsGuarded(opened, address),
  ];
  for (const form of ["64:ff9b:1::808:808", "2001::1", "2002:808:808::1", "::ffff:8.8.8.8"])
    expect(verdict(form), form).toEqual([false, false]);
  for (const address of ["fd99::1", "10.1.2.3"]) expect(verdict(address), address).toEqual([true, true]);
});

describe("a guarded address", () => {
  it.each([
    [[rule("10.0.0.0/8")], true],
    [[rule("10.9.9.9/32")], true],
    [[rule("10.9.9.9/32", { protocol: "tcp", ports: "80" })], true],
    [[rule("0.0.0.0/0")], false],
    [[rule("0.0.0.0/0"), rule("10.0.0.0/8")], true],
    [[rule("10.9.0.0/16", { action: "deny" }), rule("10.0.0.0/8")], false],
    [[rule("10.9.0.0/16", { action: "deny", protocol: "tcp", ports: "1" }), rule("10.0.0.0/8")], true],
    [[rule("192.168.0.0/16")], false],
    [[rule("*.test")], false],
    [[], false],
  ] as const)("is allowed by %j: %s", (rules, expected) => {
    expect(allowsGuarded(policy(rules, [], { egressDefault: "allow" }), "10.9.9.9")).toBe(expected);
  });
});
