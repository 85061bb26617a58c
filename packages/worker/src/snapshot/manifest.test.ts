import { FastvmError } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { assertCompatible } from "./manifest.ts";
import type { Compatibility } from "./manifest.ts";

const HERE: Compatibility = {
  qemuVersion: "7.2.22",
  accelerator: "tcg",
  machineDigest: "abc",
  cpuModel: "max",
  tscKhz: 2_596_138,
};

describe("a captured memory", () => {
  test("is resumed where everything is as it was", () => {
    expect(() => assertCompatible({ ...HERE }, HERE)).not.toThrow();
  });

  test.each([
    ["qemuVersion", { qemuVersion: "8.2.0" }],
    ["accelerator", { accelerator: "kvm" as const }],
    ["machineDigest", { machineDigest: "def" }],
    ["cpuModel", { cpuModel: "EPYC" }],
    ["tscKhz", { tscKhz: 3_000_000 }],
  ])("is refused, by name, when %s differs", (name, change) => {
    const attempt = (): void => assertCompatible({ ...HERE, ...change }, HERE);
    expect(attempt).toThrow(FastvmError);
    expect(attempt).toThrow(name);
  });
});
