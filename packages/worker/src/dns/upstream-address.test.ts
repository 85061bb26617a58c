import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseResolvConf, parseUpstream, systemUpstreams } from "./upstream-address.ts";

test.each([
  ["192.0.2.1", { host: "192.0.2.1", port: 53 }],
  ["192.0.2.1:5353", { host: "192.0.2.1", port: 5353 }],
  ["2001:db8::1", { host: "2001:db8::1", port: 53 }],
  ["[2001:db8::1]", { host: "2001:db8::1", port: 53 }],
  ["[2001:db8::1]:5353", { host: "2001:db8::1", port: 5353 }],
  ["[192.0.2.1]:53", undefined],
  ["192.0.2.1:0", undefined],
  ["192.0.2.1:65536", undefined],
  ["dns.example.com", undefined],
  ["", undefined],
])("%s", (text, expected) => {
  expect(parseUpstream(text)).toEqual(expected);
});

test("resolv.conf: the first three servers, whatever else it says", () => {
  const text =
    "# nameserver 9.9.9.9\nsearch a.test\n nameserver\t127.0.0.53\nnameserver fe80::1%eth0 # x\nnameserver no\n";
  expect(parseResolvConf(text).map(({ host }) => host)).toEqual(["127.0.0.53", "fe80::1%eth0"]);
  expect(parseResolvConf("nameserver 192.0.2.1\n".repeat(5))).toHaveLength(3);
  expect(parseResolvConf("options edns0").map(({ host }) => host)).toEqual(["127.0.0.1"]);
});

test("the system's are read from its file, and are the host itself where there is none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-dns-"));
  const path = join(folder, "resolv.conf");
  expect(await systemUpstreams(path)()).toEqual([{ host: "127.0.0.1", port: 53 }]);
  await writeFile(path, "nameserver 192.0.2.7\n");
  expect(await systemUpstreams(path)()).toEqual([{ host: "192.0.2.7", port: 53 }]);
  await rm(folder, { recursive: true });
});
