import { expect, test } from "vitest";
import { policy, rule } from "../testing/policies.ts";
import { parseNetwork } from "../ip/ip-network.ts";
import { DEFAULT_DOOR, doorCommand, renderDoor } from "./render-door.ts";
import { renderBase } from "./render-table.ts";

const vmPrefix = parseNetwork("fd12:3456:789a::/64");
const render = (held: Parameters<typeof renderDoor>[1]): string => {
  if (vmPrefix === undefined) throw new Error("no prefix");
  return renderDoor({ hostIpv4: "169.254.3.4" }, held, { resolverPort: 5399, vmPrefix });
};
const chain = (text: string, name: string): readonly string[] =>
  (new RegExp(`chain ${name} {\n([^}]*)  }`).exec(text)?.[1] ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

test("the default's lets out what is not guarded, and in nothing", () => {
  const text = render(DEFAULT_DOOR);
  expect(chain(text, "egress")).toEqual([
    'meta nfproto ipv4 ct original ip daddr != @guarded4 counter accept comment "egress default"',
    'meta nfproto ipv6 ct original ip6 daddr != @guarded6 counter accept comment "egress default"',
  ]);
  expect(chain(text, "ingress")).toEqual(['counter return comment "ingress default"']);
  expect(text).not.toContain("doh4");
});

test("a rule by name is one for its ports; one that denies by name is nothing", () => {
  const byName = rule("a.test", { protocol: "tcp", ports: "443" });
  expect(chain(render(policy([byName, rule("b.test", { action: "deny" })])), "egress")).toEqual([
    'meta nfproto ipv4 meta l4proto tcp ct original proto-dst 443 ct original ip daddr != @guarded4 counter accept comment "egress 0"',
    'meta nfproto ipv6 meta l4proto tcp ct original proto-dst 443 ct original ip6 daddr != @guarded6 counter accept comment "egress 0"',
    'counter return comment "egress default"',
  ]);
});

test("ways round the resolver are shut where the policy shuts them", () => {
  const text = render(policy([], [], { blockBypass: true }));
  expect(chain(text, "egress")[0]).toBe("meta l4proto tcp ct original proto-dst 853 return");
  expect(text).toContain("doh6 { type ipv6_addr");
});

test("nothing of a name of a namespace reaches a shell", () => {
  const guest = { index: 1, veth: "fv-1", namespace: "a;reboot", ipv4: "", hostIpv4: "", publicIpv6: "" };
  if (vmPrefix === undefined) throw new Error("no prefix");
  expect(() => doorCommand(guest, DEFAULT_DOOR, { resolverPort: 1, vmPrefix })).toThrow("no namespace");
});

test("protocols are named in nft's own words: what it looks up in /etc/protocols a minimal Debian lacks", () => {
  if (vmPrefix === undefined) throw new Error("no prefix");
  const base = renderBase({ instance: "abc123", group: 1, resolverPort: 5399, vmPrefix });
  const ofRules = policy(
    [rule("::/0", { protocol: "icmpv6" })],
    [rule("10.0.0.0/8", { protocol: "icmpv4", action: "deny" })],
  );
  const named = `${render(DEFAULT_DOOR)}${render(ofRules)}${base}`.matchAll(
    /l4proto (?:\{([^}]*)\}|([\w-]+))/g,
  );
  const words = [...named].flatMap(([, several, one]) =>
    (several ?? one ?? "").split(",").map((word) => word.trim()),
  );
  expect(words).toContain("icmpv6");
  expect(words.filter((word) => !["tcp", "udp", "icmp", "icmpv6"].includes(word))).toEqual([]);
});
