import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readConfig } from "@fastvm/daemon";
import { expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { fillCache } from "../harness/linked-cache.ts";
import { TestDaemon } from "../harness/daemon.ts";

const ROOT = "/var/cache/fastvm-test";
/** Of all that a daemon is, in hundreds of files or bundled in a few. */
const MUCH_BYTES = 500_000;
const WRITTEN_WITHIN_MS = 30_000;

test("a daemon keeps its translated source in a folder of its own, and the next one adds nothing", async () => {
  const cacheDir = await mkdtemp(join(ROOT, "cache-"));
  const settings = { cacheDir, imageDir: readConfig({}).imageDir, poolSize: 0 };
  const folder = join(cacheDir, "compile");
  try {
    await fillCache(cacheDir);
    const entries = async (): Promise<string[]> => await readdir(folder, { recursive: true });
    {
      await using daemon = await TestDaemon.start({ settings });
      // Not at its end, as one that is killed has left it, too; but it answers while it writes.
      await eventually(
        async () => expect(await bytesIn(folder), await daemon.log()).toBeGreaterThan(MUCH_BYTES),
        WRITTEN_WITHIN_MS,
      );
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const before = await entries();
    {
      await using daemon = await TestDaemon.start({ settings });
      expect((await entries()).toSorted(), await daemon.log()).toEqual(before.toSorted());
    }
  } finally {
    await rm(cacheDir, { recursive: true, force: true, maxRetries: 3 });
  }
});

async function bytesIn(folder: string): Promise<number> {
  const paths = (await readdir(folder, { recursive: true })).map((name) => join(folder, name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
