import { FastvmError } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { assertCompatible, COMPATIBILITY_VERSION, TSC_TOLERANCE } from "./manifest.ts";
import type { Compatibility } from "./manifest.ts";

const HERE: Compatibility = {
  version: COMPATIBILITY_VERSION,
  qemu: { version: "7.2.22", digest: "old", deviceStates: "1234" },
  accelerator: "tcg",
  machineDigest: "abc",
  cpuModel: "max",
  tscKhz: 2_596_138,
};

describe("a captured memory", () => {
  test("is resumed where everything is as it was", () => {
    expect(() => assertCompatible({ ...HERE }, HERE)).not.toThrow();
  });

  test("is resumed beside another QEMU: it has its own", () => {
    const qemu = { version: "7.2.23", digest: "new", deviceStates: "5678" };
    expect(() => assertCompatible(HERE, { ...HERE, qemu })).not.toThrow();
  });

  test("bears a time-stamp counter that is measured a little differently, and not a little more", () => {
    const at = (difference: number): Compatibility => ({
      ...HERE,
      tscKhz: Math.round(HERE.tscKhz * (1 + difference)),
    });
    expect(() => assertCompatible(at(TSC_TOLERANCE * 0.9), HERE)).not.toThrow();
    expect(() => assertCompatible(at(-TSC_TOLERANCE * 0.9), HERE)).not.toThrow();
    expect(() => assertCompatible(at(TSC_TOLERANCE * 1.1), HERE)).toThrow(/time-stamp counter/);
    expect(() => assertCompatible(at(-TSC_TOLERANCE * 1.1), HERE)).toThrow(/time-stamp counter/);
  });

  test("of a version that did not count its compatibility is refused in words", () => {
    const { version: _none, qemu: _neither, ...unversioned } = HERE;
    const captured = { ...unversioned, qemuVersion: "7.2.22" } as unknown as Compatibility;
    expect(() => assertCompatible(captured, HERE)).toThrow(/another version of FastVM/);
  });

  test.each([
    ["accelerator", { accelerator: "kvm" as const }],
    ["machineDigest", { machineDigest: "def" }],
    ["cpuModel", { cpuModel: "EPYC" }],
  ])("is refused, by name, when %s differs", (name, change) => {
    const attempt = (): void => assertCompatible({ ...HERE, ...change }, HERE);
    expect(attempt).toThrow(FastvmError);
    expect(attempt).toThrow(name);
  });
});
