import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commandLine, listProcesses, parentOf } from "../processes/proc.ts";
import type { MemoryMapping } from "./mapping.ts";
import { PagesHelper } from "./pages-helper.ts";

const PAGE_BYTES = 4096;
/** Larger than what is copied at once. */
const PAGES = 700;
const { tracksWrites } = await PagesHelper.probe();

describe("what copies pages", () => {
  let folder: string;
  let helper: PagesHelper;
  let from: string;
  let to: string;
  let content: Buffer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm pages-"));
    helper = new PagesHelper();
    [from, to] = [join(folder, "from"), join(folder, "to")];
    content = randomBytes(PAGES * PAGE_BYTES);
    content.fill(0, 10 * PAGE_BYTES, 400 * PAGE_BYTES);
    await writeFile(from, content);
    await using target = await open(to, "wx");
    await target.truncate(2 * PAGES * PAGE_BYTES);
  });

  afterEach(async () => {
    helper.close();
    await rm(folder, { recursive: true, force: true });
  });

  function page(bytes: Buffer, at: number, pages: number): Buffer {
    return bytes.subarray(at * PAGE_BYTES, (at + pages) * PAGE_BYTES);
  }

  async function helpers(): Promise<number[]> {
    const found: number[] = [];
    for (const pid of await listProcesses()) {
      const isOurs = (await parentOf(pid)) === process.pid;
      if (isOurs && (await commandLine(pid)).includes("fastvm-pages")) found.push(pid);
    }
    return found;
  }

  test.each([true, false])(
    "puts extents where they belong, zeros as holes if so wanted: %s",
    async (sparse) => {
      const extents = [
        { firstPage: 3, pages: 600, filePage: 0 },
        { firstPage: 1000, pages: 1, filePage: PAGES - 1 },
      ];
      await helper.copy({ from, to, base: PAGE_BYTES, extents, sparse });
      const copied = await readFile(to);
      expect(page(copied, 4, 600).equals(page(content, 0, 600))).toBe(true);
      expect(page(copied, 1001, 1).equals(page(content, PAGES - 1, 1))).toBe(true);
      const { blocks } = await stat(to);
      const pagesOnDisk = (blocks * 512) / PAGE_BYTES;
      if (sparse) expect(pagesOnDisk).toBeLessThan(300);
      else expect(pagesOnDisk).toBeGreaterThanOrEqual(601);
    },
  );

  test("tells a missing file, one that ends early, and a process that is gone, by the system's code", async () => {
    const extents = [{ firstPage: 0, pages: 2, filePage: PAGES - 1 }];
    await expect(helper.copy({ from, to, base: 0, extents, sparse: false })).rejects.toMatchObject({
      code: "EIO",
    });
    const missing = helper.copy({ from: join(folder, "none"), to, base: 0, extents, sparse: false });
    await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
    const mapping = { address: 0x1000, bytes: PAGE_BYTES };
    const gone = helper.scan({ pid: 2 ** 22 + 1, mapping, wanted: "private by entry", protect: false });
    await expect(gone).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.skipIf(!tracksWrites)("protects nothing that is not tracked", async () => {
    const mapping = await ownHeap();
    const request = { pid: process.pid, mapping, protect: true };
    await expect(helper.scan({ ...request, wanted: "written" })).rejects.toMatchObject({ code: "EPERM" });
    await expect(helper.scan({ ...request, wanted: "private" })).rejects.toMatchObject({ code: "EPERM" });
  });

  test("finds what is private with and without the newer call, and cuts off what a scan before left behind", async () => {
    const mapping = await ownHeap();
    const path = join(folder, "pages");
    await writeFile(path, randomBytes(mapping.bytes + PAGE_BYTES));
    const request = { pid: process.pid, mapping, protect: false, to: { path, filePage: 0 } };
    const found = await helper.scan({ ...request, wanted: "private by entry" });
    expect(found.pages).toBeGreaterThan(10);
    expect(found.extents.reduce((sum, { pages }) => sum + pages, 0)).toBe(found.pages);
    expect((await stat(path)).size).toBe(found.pages * PAGE_BYTES);
    const { extents } = await helper.scan({
      pid: process.pid,
      mapping,
      protect: false,
      wanted: "private by entry",
    });
    expect(extents.reduce((sum, { pages }) => sum + pages, 0)).toBeGreaterThan(10);
    if (!tracksWrites) return;
    const { pages } = await helper.scan({ ...request, wanted: "private" });
    expect(Math.abs(pages - found.pages)).toBeLessThan(found.pages / 2);
  });

  test("answers many requests at once", async () => {
    const extents = [{ firstPage: 0, pages: 500, filePage: 0 }];
    const copies = Array.from({ length: 100 }, () =>
      helper.copy({ from, to, base: 0, extents, sparse: false }),
    );
    await Promise.all(copies);
    expect(await helpers()).toHaveLength(1);
  });

  test("is started anew when it was killed; what was under way has failed", async () => {
    const extents = [{ firstPage: 0, pages: PAGES, filePage: 0 }];
    const copy = (): Promise<void> => helper.copy({ from, to, base: 0, extents, sparse: false });
    await copy();
    const [pid = 0] = await helpers();
    process.kill(pid, "SIGSTOP");
    const stuck = copy();
    process.kill(pid, "SIGKILL");
    await expect(stuck).rejects.toThrow("was ended");
    await copy();
    expect((await helpers()).filter((other) => other !== pid)).toHaveLength(1);
  });

  test("takes no path that the wire could not carry, and nothing once it is closed", async () => {
    const extents = [{ firstPage: 0, pages: 1, filePage: 0 }];
    await expect(helper.copy({ from: "a\nb", to, base: 0, extents, sparse: false })).rejects.toThrow("named");
    helper.close();
    await expect(helper.copy({ from, to, base: 0, extents, sparse: false })).rejects.toThrow("closed");
  });
});

async function ownHeap(): Promise<MemoryMapping> {
  const maps = await readFile("/proc/self/maps", "latin1");
  const [, start = "", end = ""] = /^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$/m.exec(maps) ?? [];
  const address = Number.parseInt(start, 16);
  return { address, bytes: Number.parseInt(end, 16) - address };
}
