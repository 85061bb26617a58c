import { expect, test } from "vitest";
import { isLocalName, reverseAddress } from "./local-names.ts";

test.each([
  ["1.2.0.10.in-addr.arpa", "10.0.2.1"],
  ["168.192.in-addr.arpa", "192.168.0.0"],
  ["lb._dns-sd._udp.0.0.168.192.in-addr.arpa", "192.168.0.0"],
  ["_udp.10.in-addr.arpa", "10.0.0.0"],
  ["5.0-25.2.0.10.in-addr.arpa", "10.0.2.0"],
  ["d.f.ip6.arpa", "fd00:0000:0000:0000:0000:0000:0000:0000"],
  [`${"1.".padEnd(60, "0.")}d.f.ip6.arpa`, "fd00:0000:0000:0000:0000:0000:0000:0001"],
  ["in-addr.arpa", undefined],
  ["999.in-addr.arpa", undefined],
  ["xin-addr.arpa", undefined],
  ["www.example.com", undefined],
])("%s is of %s", (name, address) => {
  expect(reverseAddress(name)).toBe(address);
});

test.each([
  ["localhost", true],
  ["x.localhost", true],
  ["localhost.example.com", false],
  ["mylocalhost", false],
  ["host.local", true],
  ["1.0.0.10.in-addr.arpa", true],
  ["8.8.8.8.in-addr.arpa", false],
  ["", false],
])("%j stays here: %s", (name, expected) => {
  expect(isLocalName(name, () => false)).toBe(expected);
});

test("the reverse name of an address that the VM may reach is asked", () => {
  expect(isLocalName("1.0.0.10.in-addr.arpa", (address) => address === "10.0.0.1")).toBe(false);
});
