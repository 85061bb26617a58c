import { expect, test } from "vitest";
import { readChallenge } from "./challenge.ts";
import { readRetryAfter } from "./retry.ts";

const BEARER = 'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="a,b"';

test("a challenge for tokens is read, with commas in its values", () => {
  const { scheme, parameters } = readChallenge(BEARER) ?? {};
  expect(scheme).toBe("bearer");
  expect(Object.fromEntries(parameters ?? [])).toEqual({
    realm: "https://auth.example.com/token",
    service: "registry.example.com",
    scope: "a,b",
  });
});

test("tokens are preferred to passwords, wherever they stand", () => {
  expect(readChallenge(`Basic realm="x", ${BEARER}`)?.scheme).toBe("bearer");
  expect(readChallenge('Basic realm="x"')?.scheme).toBe("basic");
  expect(readChallenge("basic")?.scheme).toBe("basic");
});

test.each([undefined, "", "Negotiate", "Digest realm=x", `Bearer ${"a".repeat(5000)}`])(
  "%s cannot be met",
  (header) => {
    expect(readChallenge(header)).toBeUndefined();
  },
);

test("values escape their quotes, and need none", () => {
  expect(readChallenge('Bearer realm="a\\"b", service=c')?.parameters.get("realm")).toBe('a"b');
  expect(readChallenge('Bearer realm="a", service=c')?.parameters.get("service")).toBe("c");
});

test("Retry-After is a number of seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(readRetryAfter("3", now)).toBe(3000);
  expect(readRetryAfter("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5000);
  expect(readRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
  expect(readRetryAfter("soon", now)).toBeUndefined();
  expect(readRetryAfter(undefined, now)).toBeUndefined();
});
