import { expect, test } from "vitest";
import { publicBase } from "./public-base.ts";

const NONE = { publicUrl: undefined };

test.each([
  ["http", "127.0.0.1:8800", "http://127.0.0.1:8800"],
  ["https", "FastVM.example.com:443", "https://fastvm.example.com"],
  ["http", "[2001:DB8::1]:8800", "http://[2001:db8::1]:8800"],
  ["http", "0x7f.1:8800", "http://127.0.0.1:8800"],
])("%s and %s is %s", (protocol, host, origin) => {
  expect(publicBase(NONE, { protocol, host }).origin).toBe(origin);
});

test("what the operator has fixed wins", () => {
  const config = { publicUrl: "https://fastvm.example.com" };
  expect(publicBase(config, { protocol: "http", host: "10.0.0.1:8800" }).origin).toBe(config.publicUrl);
});

test.each([
  "",
  " ",
  "a b",
  "a/b",
  "a?b",
  "a#b",
  "u@a",
  "a:b",
  "a:99999",
  "[::1",
  "a<b",
  "a'b",
  "$(a)",
  "a;b",
  "a`b",
])("the host %j is refused", (host) => {
  expect(() => publicBase(NONE, { protocol: "http", host })).toThrow("the Host header names no host");
});
