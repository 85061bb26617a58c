import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folderBeneath } from "./folder-beneath.ts";

let root: string;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "beneath-")));
  await mkdir(join(root, "a/b"), { recursive: true });
  await writeFile(join(root, "file"), "");
  await symlink("/etc", join(root, "out"));
  await symlink("a", join(root, "in"));
});
afterAll(() => rm(root, { recursive: true }));

test("a folder that is there is found", async () => {
  expect(await folderBeneath(root, "a/b")).toBe(join(root, "a/b"));
});

test.each(["gone", "file", "out", "out/ssl", "in", "in/b", "a/../../x"])("%s is refused", async (subpath) => {
  await expect(folderBeneath(root, subpath)).rejects.toMatchObject({ code: "conflict" });
});
