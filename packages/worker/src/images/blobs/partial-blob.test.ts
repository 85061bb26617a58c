import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { PartialBlob } from "./partial-blob.ts";

test("what cannot be read back is not left open", async () => {
  const before = await readdir("/proc/self/fd");
  // Opens, and has nothing at its beginning that could be read.
  await expect(PartialBlob.open("/proc/self/mem")).rejects.toMatchObject({ code: "EIO" });
  expect(await readdir("/proc/self/fd")).toHaveLength(before.length);
});
