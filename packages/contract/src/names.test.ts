import { expect, test } from "vitest";
import { defaultSnapshotName, defaultVmName, hostnameOf, normalizeName } from "./names.ts";

test("a name is trimmed, its white space collapsed and its controls dropped", () => {
  expect(normalizeName("  a \t\n b\u0000c  ")).toBe("a b c");
  expect(normalizeName(" \u0007 ")).toBe("");
});

test("a name is cut at 64 code points, not at 64 UTF-16 units", () => {
  expect(normalizeName("🙂".repeat(80))).toBe("🙂".repeat(64));
  expect(normalizeName(`${"a".repeat(63)} b`)).toBe("a".repeat(63));
});

test("default names carry the first 8 characters of the VM's id", () => {
  expect(defaultVmName("01234567-89ab")).toBe("vm-01234567");
  expect(defaultSnapshotName("01234567-89ab")).toBe("snapshot-01234567");
});

test("a hostname is one DNS label", () => {
  expect(hostnameOf("My VM! №1", "x")).toBe("my-vm-1");
  expect(hostnameOf("日本", "vm-1")).toBe("vm-1");
  expect(hostnameOf(`${"a".repeat(62)}-bc`, "x")).toBe("a".repeat(62));
});
