import { describe, expect, test } from "vitest";
import { FastvmError } from "./errors/errors.ts";
import { checkEnvVars, checkMetadata } from "./string-map-rules.ts";

function fieldOf(check: () => void): string | undefined {
  try {
    check();
  } catch (error) {
    if (error instanceof FastvmError) return error.field;
    throw error;
  }
  return "accepted";
}

describe("metadata", () => {
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]));

  test.each([
    ["256 keys", keys(256), "accepted"],
    ["257 keys", keys(257), "metadata"],
    ["an empty key", { "": "v" }, "metadata"],
    ["a key of 256 bytes", { ["é".repeat(128)]: "v" }, "accepted"],
    ["a key of 258 bytes", { ["é".repeat(129)]: "v" }, "metadata"],
    ["a value of 4096 bytes", { k: "v".repeat(4096) }, "accepted"],
    ["a value of 4097 bytes", { k: "v".repeat(4097) }, "metadata.k"],
    [
      "64 KiB and more in all",
      Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v".repeat(4096)])),
      "metadata",
    ],
  ])("%s", (_name, metadata, expected) => {
    expect(fieldOf(() => checkMetadata(metadata))).toBe(expected);
  });
});

describe("environment variables", () => {
  test.each([
    ["a usual name", { PATH_2: "a=b" }, "accepted"],
    ["a name with a digit first", { "2A": "v" }, "envVars"],
    ["an empty name", { "": "v" }, "envVars"],
    ["a name of 257 letters", { ["A".repeat(257)]: "v" }, "envVars"],
    ["a line feed", { A: "a\nb" }, "envVars.A"],
    ["a NUL", { A: "a\0b" }, "envVars.A"],
    ["64 KiB and more in all", { A: "v".repeat(65_536) }, "envVars"],
  ])("%s", (_name, envVars, expected) => {
    expect(fieldOf(() => checkEnvVars(envVars))).toBe(expected);
  });
});
