import { expect, test } from "vitest";
import { anchorFileName, BUNDLE, trustIn, trustVariables } from "./trust.ts";

const DAEMON = { purpose: "daemon", pem: "A" };

test("nobody to trust is no trust: nothing is written and no template differs", () => {
  expect(trustIn([])).toBeUndefined();
});

test("another certificate has another digest and another file name, the same one the same", () => {
  const renewed = { ...DAEMON, pem: "B" };
  expect(trustIn([DAEMON])?.digest).toBe(trustIn([{ ...DAEMON }])?.digest);
  expect(trustIn([DAEMON])?.digest).not.toBe(trustIn([renewed])?.digest);
  expect(anchorFileName(DAEMON)).not.toBe(anchorFileName(renewed));
  expect(anchorFileName(DAEMON)).toMatch(/^fastvm-daemon-[0-9a-f]{16}\.crt$/);
});

test("variables name the bundle, where there is one", () => {
  expect(trustVariables(undefined)).toEqual({});
  expect(trustVariables({ digest: "d" })).toEqual({});
  expect(new Set(Object.values(trustVariables({ digest: "d", bundle: BUNDLE })))).toEqual(new Set([BUNDLE]));
});
