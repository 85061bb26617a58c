import { expect, test } from "vitest";
import { mappableHost } from "./mappable-host.ts";

test.each(["10.1.2.3", "203.0.113.9", "192.168.0.1", "127.0.0.5", "::1", "2001:db8::1", "fd00::1"])(
  "the address %s may become the guest's own",
  (address) => {
    expect(mappableHost(address)).toEqual({ kind: "address", address });
  },
);

test.each([
  "fastvm.example.com",
  "server",
  "a_b.test",
  "x.localhost",
  "xn--grn-1na.example",
  `${"a".repeat(63)}.b`,
])("the name %s may lead to the guest itself", (name) => {
  expect(mappableHost(name)).toEqual({ kind: "name", name });
  expect(mappableHost(name.toUpperCase())).toEqual({ kind: "name", name });
});

test.each(["localhost", "LOCALHOST", "127.0.0.1"])("%s does so already", (host) => {
  expect(mappableHost(host)).toEqual({ kind: "loopback" });
});

test.each([
  ["its own address", "192.0.0.2"],
  ["its gateway", "192.0.0.1"],
  ["its gateway in IPv6", "fd66:6173:7476:6d::1"],
  ["a metadata service", "169.254.169.254"],
  ["no address", "0.0.0.0"],
  ["no address in IPv6", "::"],
  ["broadcast", "255.255.255.255"],
  ["multicast", "224.0.0.1"],
  ["multicast in IPv6", "ff02::1"],
  ["a link", "fe80::1"],
  ["an address with a zone", "fe80::1%eth0"],
  ["IPv4 in the notation of IPv6", "::ffff:10.1.2.3"],
])("%s is left alone", (_, address) => {
  expect(mappableHost(address)).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["white space", "a b"],
  ["a line of its own", "a\n1.2.3.4 b"],
  ["a tab", "a\tb"],
  ["a comment", "a#b"],
  ["shell text", "$(reboot)"],
  ["quotes", "a'b"],
  ["a path", "a/b"],
  ["brackets", "[::1]"],
  ["a port", "a:80"],
  ["a dot at its end", "a.example."],
  ["an empty label", "a..b"],
  ["a hyphen at the start", "-a"],
  ["other scripts", "größe.example"],
  ["a wildcard", "*.example"],
  ["a long label", "a".repeat(64)],
  ["a long name", `${"a.".repeat(127)}aa`],
  ["an address in another notation", "0x7f.1"],
  ["a number", "2130706433"],
  ["an address of five", "1.2.3.4.5"],
])("%s is no host", (_, host) => {
  expect(mappableHost(host)).toBeUndefined();
});
