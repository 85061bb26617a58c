/** What rules of each kind become, allowed and denied. That such rules hold in the kernel is tested where they are rendered. */
import type { SandboxSpec } from "@fastvm/contract";
import { expect, test } from "vitest";
import { policyNetwork } from "./network.ts";
import { policyOfDocument } from "./policy.ts";

type Document = NonNullable<NonNullable<SandboxSpec["network"]>["policy"]>;
type Rule = NonNullable<Document["rules"]>[number];

const rule = (destination: Rule["destination"], action: Rule["action"] = "allow"): Rule => ({
  direction: "egress",
  destination,
  action,
});
const networksOf = (document: Document) => policyOfDocument(document).egress.rules.map(({ value }) => value);
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

test("the link's own networks are all of them but the metadata's address", () => {
  const networks = networksOf({ rules: [rule({ group: "link_local" })] });
  expect(networks.at(-1)).toBe("fe80::/10");
  expect(networks).toHaveLength(17);
  const inside = (address: string) =>
    networks.some((network) => {
      const [base = "", length] = network.split("/");
      const number = (text: string) => text.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
      const size = 2 ** (32 - Number(length));
      return base.includes(".") && Math.floor(number(address) / size) === Math.floor(number(base) / size);
    });
  for (const address of ["169.254.0.1", "169.254.169.253", "169.254.169.255", "169.254.255.255"])
    expect(inside(address), address).toBe(true);
  for (const address of ["169.254.169.254", "169.253.255.255", "169.255.0.0"])
    expect(inside(address), address).toBe(false);
});

test("all is the world, and what is opened by its name alone", () => {
  const all = networksOf({ rules: [rule("any")] });
  expect(all).toEqual(expect.arrayContaining(["0.0.0.0/0", "::/0", ...PRIVATE, "169.254.169.254/32"]));
  expect(networksOf({ default_egress: "allow" })).toEqual(all);
  expect(networksOf({ rules: [rule("any", "deny")] })).toEqual(["0.0.0.0/0", "::/0"]);
  const one = networksOf({ rules: [rule({ cidr: "::/0" })] });
  expect(one).toEqual(["::/0", "fc00::/7", "fe80::/10"]);
});

test("who may send everywhere may ask for every name but those that are denied", () => {
  const rules = [rule({ domain: "bad.example" }, "deny")];
  expect(policyOfDocument({ default_egress: "allow", rules }).dns).toMatchObject({
    mode: "deny",
    domains: ["bad.example"],
  });
  expect(policyOfDocument({ default_egress: "deny", rules }).dns).toMatchObject({
    mode: "allow",
    domains: [],
  });
});

test("the public is denied without what later rules open", () => {
  const { rules } = policyOfDocument({
    rules: [rule({ group: "public" }, "deny"), rule({ group: "private" })],
  }).egress;
  expect(rules.slice(0, 2)).toMatchObject(
    ["0.0.0.0/0", "::/0"].map((value) => ({ action: "deny", value, sparesGuarded: true })),
  );
  expect(rules.slice(2).map(({ value }) => value)).toEqual(PRIVATE);
  // What denies everything spares nothing, and what opens the public names nothing else anyway.
  for (const other of [rule("any", "deny"), rule({ group: "public" })])
    for (const one of policyOfDocument({ rules: [other] }).egress.rules)
      expect(one).not.toHaveProperty("sparesGuarded");
});

test("protocols are meant by themselves, and ports by those that have some", () => {
  const reaches = (fields: Partial<Rule>) =>
    policyOfDocument({ rules: [{ ...rule({ cidr: "192.0.2.0/24" }), ...fields }] }).egress.rules.map(
      ({ protocol, ports }) => `${protocol} ${ports}`,
    );
  const all: Rule["protocols"] = ["icmpv6", "icmpv4", "udp", "tcp"];
  const ports = [
    { start: 1, end: 2 },
    { start: 9, end: 9 },
  ];
  expect(reaches({})).toEqual(["any any"]);
  expect(reaches({ protocols: all })).toEqual(["any any"]);
  expect(reaches({ protocols: ["icmpv4"] })).toEqual(["icmpv4 any"]);
  expect(reaches({ protocols: ["icmpv6", "udp"] })).toEqual(["udp any", "icmpv6 any"]);
  expect(reaches({ protocols: ["icmpv6", "udp"], ports })).toEqual(["udp 1-2", "udp 9"]);
  expect(reaches({ protocols: ["icmpv4"], ports })).toEqual([]);
});

test("where it is strict a name opens HTTPS only with interception, and a network as ever", () => {
  const document = { rules: [rule({ domain: "a.example" }), rule({ cidr: "192.0.2.0/24" })] };
  const opened = (network: NonNullable<SandboxSpec["network"]>) =>
    policyNetwork({ policy: document, strict: true, ...network })?.policy.egress.rules.map(
      ({ value, protocol, ports }) => `${value} ${protocol} ${ports}`,
    );
  expect(opened({})).toEqual([
    ...["tcp 1-442", "tcp 444-65535", "udp 1-442", "udp 444-65535", "icmpv4 any", "icmpv6 any"].map(
      (reach) => `a.example ${reach}`,
    ),
    "192.0.2.0/24 any any",
  ]);
  for (const open of [{ strict: false }, { tls: { enabled: true } }])
    expect(opened(open)?.[0]).toBe("a.example any any");
  expect(opened({ tls: { enabled: true, intercepted_ports: [8443] } })).toHaveLength(7);
  // What goes by QUIC is intercepted nowhere: only where it is blocked does the name open no more than that.
  expect(opened({ tls: { enabled: true, block_quic_on_intercept: false } })).toEqual([
    ...["tcp any", "udp 1-442", "udp 444-65535", "icmpv4 any", "icmpv6 any"].map(
      (reach) => `a.example ${reach}`,
    ),
    "192.0.2.0/24 any any",
  ]);
  const quiet = { enabled: false, block_quic_on_intercept: false };
  expect(opened({ tls: quiet })).toEqual(opened({}));
  const https = { ...rule({ domain: "a.example" }), ports: [{ start: 443, end: 443 }] };
  expect(policyOfDocument({ rules: [https] }, ["tcp", "udp"]).egress.rules).toEqual([]);
  expect(policyOfDocument({ rules: [https] }, ["udp"]).egress.rules).toMatchObject([
    { protocol: "tcp", ports: "443" },
  ]);
});

test.each(["loopback", "multicast"] as const)("%s stays with the guest, and is taken", (group) => {
  expect(networksOf({ rules: [rule({ group })] })).toHaveLength(2);
});
