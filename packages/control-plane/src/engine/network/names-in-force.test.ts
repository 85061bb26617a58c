/** What a VM may ask for follows from what it may reach, unless somebody wrote it. */
import type { FirewallRule, WrittenPolicy } from "@fastvm/contract";
import { expect, test } from "vitest";
import { namesInForce } from "./names-in-force.ts";
import { EVERY_NAME } from "./policy.ts";

const rule = (changes: Partial<FirewallRule>): FirewallRule => ({
  ...{ action: "allow", kind: "cidr", value: "192.0.2.0/24", protocol: "any", ports: "any" },
  ...changes,
});
const named = (value: string, action: "allow" | "deny" = "allow") =>
  rule({ kind: "fqdn", value, action, protocol: "tcp", ports: "443" });
const all = (value: string) => rule({ action: "deny", value });
const only = (...domains: string[]) => ({ mode: "allow", domains, blockBypass: false });

test.each<[string, WrittenPolicy["egress"], object]>([
  ["open", { default: "allow", rules: [] }, EVERY_NAME],
  ["open but for a name", { default: "allow", rules: [named("a.test", "deny")] }, EVERY_NAME],
  ["closed", { default: "deny", rules: [] }, only()],
  ["open for networks alone", { default: "deny", rules: [rule({}), rule({ value: "0.0.0.0/0" })] }, only()],
  [
    "open for names",
    { default: "deny", rules: [named("a.test"), rule({}), named("*.b.test"), named("a.test")] },
    only("a.test", "*.b.test"),
  ],
  ["what is denied by name", { default: "deny", rules: [named("a.test", "deny")] }, only()],
  [
    "closed by rules, for both families",
    { default: "allow", rules: [named("a.test"), all("0.0.0.0/0"), rule({}), all("::/0"), named("b.test")] },
    only("a.test"),
  ],
  ["closed by rules for one family", { default: "allow", rules: [all("0.0.0.0/0")] }, EVERY_NAME],
  [
    "closed by rules for one protocol",
    {
      default: "allow",
      rules: [all("0.0.0.0/0"), rule({ action: "deny", value: "::/0", protocol: "tcp" })],
    },
    EVERY_NAME,
  ],
])("%s", (_name, egress, expected) => {
  expect(namesInForce({ egress })).toEqual(expected);
  const dns = { mode: "deny" as const, domains: [], blockBypass: true };
  expect(namesInForce({ egress, dns })).toEqual(dns);
});
