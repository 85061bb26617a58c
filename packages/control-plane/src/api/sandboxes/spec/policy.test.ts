/** What rules of each kind become, allowed and denied. That such rules hold in the kernel is tested where they are rendered. */
import type { SandboxSpec } from "@fastvm/contract";
import { expect, test } from "vitest";
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

test("the public is denied where no later rule opens what is not public", () => {
  const denied = [
    rule({ group: "private" }),
    rule({ group: "public" }, "deny"),
    rule({ domain: "a.example" }),
  ];
  const values = networksOf({ rules: denied });
  expect(values).toEqual([...PRIVATE, "0.0.0.0/0", "::/0", "a.example"]);
  expect(() => policyOfDocument({ rules: denied.toReversed() })).toThrow(/put that first/);
});

test.each(["loopback", "multicast"] as const)("%s stays with the guest, and is taken", (group) => {
  expect(networksOf({ rules: [rule({ group })] })).toHaveLength(2);
});
