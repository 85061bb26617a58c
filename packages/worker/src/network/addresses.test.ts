import { isIPv6 } from "node:net";
import { describe, expect, it } from "vitest";
import {
  defaultVmPrefix,
  formatVmPrefix,
  hostIpv4,
  hostIpv6,
  indexesFrom,
  isUniqueLocal,
  namespaceIpv4,
  newPublicIpv6,
  parseVmPrefix,
} from "./addresses.ts";

describe("pairs of IPv4 addresses", () => {
  it("are the two ends of one /31", () => {
    expect([hostIpv4(128), namespaceIpv4(128)]).toEqual(["169.254.1.0", "169.254.1.1"]);
    expect([hostIpv4(10_303), namespaceIpv4(10_303)]).toEqual(["169.254.80.126", "169.254.80.127"]);
  });

  it("leave out what clouds and RFC 3927 keep, whatever the start", () => {
    const indexes = [...indexesFrom(21_700)];
    expect(new Set(indexes).size).toBe(indexes.length);
    expect(indexes).toHaveLength(32_768 - 5 * 128);
    const networks = new Set(indexes.map((index) => hostIpv4(index).split(".")[2]));
    for (const reserved of ["0", "2", "169", "170", "255"]) expect(networks).not.toContain(reserved);
    expect(indexes[0]).toBe(21_888);
  });
});

describe("the network of public addresses", () => {
  it.each([
    ["2001:db8:1::/64", "2001:db8:1::/64", "2001:db8:1::1"],
    ["2001:DB8::ff/48", "2001:db8::/48", "2001:db8::1"],
    ["fd00::/8", "fd00::/8", "fd00::1"],
    ["2001:db8:0:0:1::/96", "2001:db8:0:0:1::/96", "2001:db8::1:0:0:1"],
  ])("%s", (text, network, host) => {
    const prefix = parseVmPrefix(text);
    if (prefix === undefined) throw new Error(text);
    expect(formatVmPrefix(prefix)).toBe(network);
    expect(hostIpv6(prefix)).toBe(host);
    for (let i = 0; i < 50; i++) {
      const address = newPublicIpv6(prefix);
      expect(isIPv6(address)).toBe(true);
      expect(address).not.toBe(host);
      expect(formatVmPrefix(parseVmPrefix(`${address}/${prefix.length}`) ?? prefix)).toBe(network);
    }
  });

  it.each(["", "fd00::", "fd00::/97", "fd00::/-1", "fd00::/1e1", "10.0.0.0/8", "fd00::g/64", "[fd00::]/64"])(
    "%j is none",
    (text) => {
      expect(parseVmPrefix(text)).toBeUndefined();
    },
  );

  it("is one of unique local addresses by default, always the same for one daemon", () => {
    const one = defaultVmPrefix("a1b2c3");
    expect(formatVmPrefix(one)).toMatch(/^fd[0-9a-f]{2}:.*::\/64$/);
    expect(isUniqueLocal(one)).toBe(true);
    expect(defaultVmPrefix("a1b2c3")).toEqual(one);
    expect(defaultVmPrefix("a1b2c4")).not.toEqual(one);
    expect(isUniqueLocal({ bits: 0x2001n << 112n, length: 64 })).toBe(false);
  });
});
