import { isIPv6 } from "node:net";
import { describe, expect, it } from "vitest";
import {
  contains,
  formatAddress,
  formatNetwork,
  parseAddress,
  parseNetwork,
  rangesWithout,
} from "./ip-network.ts";

const canonical = (text: string): string | undefined => {
  const network = parseNetwork(text);
  return network && formatNetwork(network);
};

describe("a network", () => {
  it.each([
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["255.255.255.255/32", "255.255.255.255/32"],
    ["255.255.255.9/24", "255.255.255.0/24"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["::/0", "0:0:0:0:0:0:0:0/0"],
    ["2001:DB8::ffff/32", "2001:db8:0:0:0:0:0:0/32"],
    ["::ffff:192.0.2.1/128", "0:0:0:0:0:ffff:c000:201/128"],
    ["fe80::1:0:0:2/127", "fe80:0:0:0:1:0:0:2/127"],
  ])("%s is %s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8 accept",
    "010.0.0.1/8",
    "::/129",
    "fe80::1%eth0/64",
    "1:2:3:4:5:6:7:8:9/128",
    "example.com",
    "10.0.0.0/8\n",
  ])("%j is none", (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  it("has its ends and nothing beyond", () => {
    const network = parseNetwork("255.255.255.0/24");
    if (network === undefined) throw new Error("not parsed");
    const has = (text: string): boolean | undefined => {
      const address = parseAddress(text);
      return address && contains(network, address);
    };
    expect(["255.255.254.255", "255.255.255.0", "255.255.255.255", "::ffff:ff00"].map(has)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("an address", () => {
  it("comes out as it went in", () => {
    for (const text of [
      "0.0.0.0",
      "255.255.255.255",
      "::",
      "::1",
      "1::",
      "2001:db8::1:0:0:1",
      "1:2:3:4:5:6:7:8",
    ]) {
      const address = parseAddress(text);
      const again = address && formatAddress(address);
      expect(parseAddress(again ?? "")).toEqual(address);
      expect(isIPv6(again ?? "")).toBe(text.includes(":"));
    }
  });
});

describe("a range with a hole", () => {
  const without = (range: string, hole: string): readonly string[] => {
    const [outer, inner] = [parseNetwork(range), parseNetwork(hole)];
    if (outer === undefined || inner === undefined) throw new Error("not parsed");
    return rangesWithout(outer, inner);
  };

  it.each([
    ["10.0.0.0/30", "10.0.0.1/32", ["10.0.0.0-10.0.0.0", "10.0.0.2-10.0.0.3"]],
    ["10.0.0.0/30", "10.0.0.0/31", ["10.0.0.2-10.0.0.3"]],
    ["10.0.0.0/30", "10.0.0.0/8", []],
    ["10.0.0.0/30", "11.0.0.0/8", ["10.0.0.0-10.0.0.3"]],
    ["10.0.0.0/30", "::/0", ["10.0.0.0-10.0.0.3"]],
  ])("%s without %s", (range, hole, left) => {
    expect(without(range, hole)).toEqual(left);
  });
});
