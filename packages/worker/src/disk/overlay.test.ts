import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OverlayFactory } from "./overlay.ts";

const BYTES = 2 ** 30;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-overlay-"));
});
afterAll(async () => await rm(folder, { recursive: true }));

test("what a daemon was making when it ended is gone with the next, which makes its own", async () => {
  const own = join(folder, "overlays");
  await mkdir(own);
  await writeFile(join(own, `${BYTES}.qcow2.new`), "half of one");
  const overlays = await OverlayFactory.open(own);
  await overlays.create(join(folder, "top"), BYTES, process.getuid?.() ?? 0);
  expect(await readdir(own)).toEqual([`${BYTES}.qcow2`]);
});
