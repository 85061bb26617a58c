import { expect, test } from "vitest";
import { describeGroups, describeNamespaces } from "./check-confinement.ts";

const all = new Set(["mount", "pid", "ipc", "uts"] as const);

test("a host that gives all namespaces is well", () => {
  const check = describeNamespaces({ namespaces: { given: all, refused: new Map() } });
  expect(check).toEqual({
    name: "namespaces",
    status: "ok",
    detail: "mount, pid, ipc, uts for each VM's QEMU",
  });
});

test("one that refuses some is told which, and why", () => {
  const refused = new Map([["pid", "Operation not permitted"] as const]);
  const check = describeNamespaces({ namespaces: { given: new Set(["mount"] as const), refused } });
  expect(check).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("not pid: Operation not permitted"),
  });
});

test("bounds are named with their version; of disks the words do not promise more than the host keeps", () => {
  const controllers = new Map([
    ["memory", 2] as const,
    ["cpu", 2] as const,
    ["pids", 2] as const,
    ["io", 2] as const,
  ]);
  expect(describeGroups({ controllers })).toEqual({
    name: "control groups",
    status: "ok",
    detail: "memory, cpu, pids, io (where the disk's scheduler weighs) of version 2",
  });
});

test("what is not bounded is said", () => {
  expect(describeGroups({ controllers: new Map([["pids", 1] as const]) })).toMatchObject({
    status: "warn",
    hint: expect.stringContaining("memory, cpu"),
  });
  expect(describeGroups({ controllers: new Map() })).toMatchObject({ detail: "none that can be written" });
});
