import { FastvmError, OPERATIONS } from "@fastvm/contract";
import { expect, test } from "vitest";
import { FIELD_NAMES, inOurWords } from "./errors.ts";

test("what the engine names is told by the name that it has in a request", () => {
  const told = inOurWords(
    new FastvmError("invalid_request", "diskGib is 5; too little", { field: "diskGib" }),
  );
  expect(told).toMatchObject({
    field: "diskGiB",
    message: "The request is not valid: diskGiB is 5; too little",
  });
  const bare = inOurWords(new FastvmError("snapshot_wrong_state", undefined, { field: "snapshot" }));
  expect(bare.message).toBe(new FastvmError("snapshot_wrong_state").message);
  expect(bare.field).toBe("snapshotId");
  const own = new FastvmError("invalid_request", "body must be an object", { field: "body" });
  expect(inOurWords(own)).toBe(own);
});

test("no field of a request has a name of the engine's, for which it would be taken", () => {
  const names = new Set<string>();
  const collect = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "properties") for (const name of Object.keys(value as object)) names.add(name);
      collect(value);
    }
  };
  for (const operation of Object.values(OPERATIONS)) {
    collect("body" in operation ? operation.body : undefined);
    for (const [, name = ""] of operation.path.matchAll(/\{(\w+)\}/g)) names.add(name);
  }
  expect(names).toContain("diskGiB");
  expect(names).toContain("vmId");
  for (const name of FIELD_NAMES.keys()) expect(names, name).not.toContain(name);
});
