import { describe, expect, test } from "vitest";
import { GUARDED_IPV6, isGuarded } from "./guarded-ranges.ts";

describe("guarded", () => {
  test.each([
    "0.0.0.0",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.2",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "::ffff:0:10.0.0.1",
    "2001:0:a00:1::f5ff:fffe",
    "fc00::1",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "no address",
    "",
    "0x7f.1",
  ])("%s", (address) => {
    expect(isGuarded(address)).toBe(true);
  });
});

describe("free", () => {
  test.each([
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.18.0.1",
    "223.255.255.255",
    "2001:db8::1",
    "2606:4700::1111",
    "64:ff9b::8.8.8.8",
    "2001:1::1",
    "fbff::1",
  ])("%s", (address) => {
    expect(isGuarded(address)).toBe(false);
  });
});

test("translated ranges are plain IPv6 text", () => {
  expect(GUARDED_IPV6).toContain("64:ff9b:0:0:0:0:a00:0/104");
  expect(GUARDED_IPV6).toContain("64:ff9b:0:0:0:0:ac10:0/108");
});
