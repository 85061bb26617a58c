import { expect, test } from "vitest";
import { API_KEY_PREFIX, containsCredential, CREDENTIAL_PREFIX } from "./credentials.ts";

const RANDOM = "AbC_-0123456789012345678901234567890123456x";

test.each([...Object.values(CREDENTIAL_PREFIX), ...Object.values(API_KEY_PREFIX), "fvwork_"])(
  "%s and random bits are seen anywhere",
  (prefix) => {
    for (const text of [`${prefix}${RANDOM}`, `Bearer ${prefix}${RANDOM}`, `{"a":"${prefix}${RANDOM}"}`]) {
      expect(containsCredential(text)).toBe(true);
    }
  },
);

test.each([
  "fvm_",
  "fvm_short",
  `msb_${RANDOM}`,
  `ns_live_${RANDOM}`,
  `xfvm_${RANDOM}`,
  `fv_${RANDOM}`,
  `FVM_${RANDOM}`,
  RANDOM,
  "",
])("%j is nothing of ours", (text) => {
  expect(containsCredential(text)).toBe(false);
});
