import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestFile, digestOf } from "./digest.ts";

const MIB = 1024 * 1024;

describe("the digest of a file", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-digest-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    ["nothing", 0],
    ["a small one", 3 * MIB + 17],
    ["one for a thread", 9 * MIB + 1],
  ])("is that of its bytes: %s", async (_, bytes) => {
    const content = randomBytes(bytes);
    const path = join(folder, "file");
    await writeFile(path, content);
    const expected = createHash("sha256").update(content).digest("hex");
    expect(await digestFile(path)).toBe(expected);
    expect(digestOf(content)).toBe(expected);
  });

  test("of a file that is not there, or no file, is its error", async () => {
    await expect(digestFile(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(digestFile(folder)).rejects.toMatchObject({ code: "EISDIR" });
  });
});
