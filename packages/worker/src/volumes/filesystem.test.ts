/** What a host's filesystem that cannot reserve bytes says of it, on a real one. */
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runTool } from "../processes/spawn.ts";
import { allocate, reserveBeyond } from "./filesystem.ts";

test("bytes behind an end that nobody can reserve are left to the growth itself, which says so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "no-extents-"));
  const [disk, target] = [join(folder, "disk"), join(folder, "mount")];
  await mkdir(target);
  await runTool("truncate", ["--size", "16M", disk], { timeoutMs: 10_000 });
  await runTool("mkfs.ext4", ["-q", "-F", "-O", "^extents,^64bit", disk], { timeoutMs: 10_000 });
  await runTool("mount", ["-o", "loop", disk, target], { timeoutMs: 10_000 });
  try {
    const image = join(target, "image");
    await writeFile(image, "kept");
    await reserveBeyond(image, 1);
    expect((await stat(image)).size).toBe(4);
    await expect(allocate(image, 1)).rejects.toMatchObject({ code: "not_supported" });
    expect((await stat(image)).size).toBe(4);
  } finally {
    await runTool("umount", [target], { timeoutMs: 10_000 });
    await rm(folder, { recursive: true });
  }
});
