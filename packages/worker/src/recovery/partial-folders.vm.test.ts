import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { newPartialFolder } from "../snapshot/partial-folder.ts";
import { CACHE, TestWorker } from "../testing/test-worker.ts";

const TEMPLATES = join(CACHE, "templates");

async function make(folder: string): Promise<string> {
  await mkdir(join(folder, "disk"), { recursive: true });
  await writeFile(join(folder, "memory"), "half");
  return folder;
}

test("a start removes what daemons left half made, but not what a living one makes in the cache they share", async () => {
  await using host = await TestWorker.start();
  const own = ["snapshots", "paused", "templates", "forks", "templating"].map((name) =>
    join(host.dataDir, name),
  );
  let [living, dead] = ["", ""];
  try {
    await host.restart(async () => {
      living = await make(await newPartialFolder(join(TEMPLATES, "probe")));
      // The same process, but an earlier one of its number.
      const ended = (await newPartialFolder(join(TEMPLATES, "probe"))).replace(/(-\d+)-\d+\./, "$1-1.");
      dead = await make(ended);
      for (const folder of own) await make(await newPartialFolder(join(folder, "probe")));
    });
    const shared = await readdir(TEMPLATES);
    expect(shared).toContain(basename(living));
    expect(shared).not.toContain(basename(dead));
    for (const folder of own) expect(await readdir(folder), folder).toEqual([]);
  } finally {
    for (const folder of [living, dead])
      if (folder !== "") await rm(folder, { recursive: true, force: true });
  }
});
