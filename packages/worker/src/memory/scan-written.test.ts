import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEMORY_FILE, RUN_FOLDER } from "../qemu/machine.ts";
import { ScriptedQemu } from "../testing/scripted-qemu.ts";
import { findMemoryMapping, nothingMapped, PAGE_BYTES, pagesOf } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";
import { PagesHelper } from "./pages-helper.ts";

const MIB = 1024 ** 2;
const MEMORY_MIB = 16;
/** More ranges than one answer of the kernel has. */
const CRUMBS = 1500;
const { tracksWrites } = await PagesHelper.probe();

describe.skipIf(!tracksWrites)("of the memory of a process there is found", () => {
  const helper = new PagesHelper();
  let folder: string;
  let qemu: ScriptedQemu;
  let pid: number;
  let mapping: MemoryMapping;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-scan-"));
    qemu = await ScriptedQemu.start(await memoryFolder("vm"), "scanned");
    ({ pid } = qemu.process.identity);
    mapping = await findMemoryMapping(pid, join(folder, "vm", MEMORY_FILE), nothingMapped(MEMORY_MIB));
  });

  afterAll(async () => {
    helper.close();
    await qemu[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function memoryFolder(name: string): Promise<string> {
    const path = join(folder, name);
    await mkdir(join(path, RUN_FOLDER), { recursive: true });
    await using file = await open(join(path, MEMORY_FILE), "wx");
    await file.truncate(MEMORY_MIB * MIB);
    return path;
  }

  /** Pages written since they were last looked for. */
  async function written(): Promise<readonly number[]> {
    const to = { path: join(folder, "pages"), filePage: 0 };
    const { extents } = await helper.scan({ pid, mapping, wanted: "written", protect: true, to });
    return extents.flatMap(({ firstPage, pages }) =>
      Array.from({ length: pages }, (_, at) => firstPage + at),
    );
  }

  async function write(...pages: readonly number[]): Promise<void> {
    for (const page of pages) await qemu.writePage(page, Buffer.alloc(PAGE_BYTES, 1));
  }

  test("what was written since the last time, and not what was merely read, before or after", async () => {
    for (let page = 0; page < 2 * CRUMBS; page += 2) await qemu.readPage(page);
    expect(await written()).toEqual([]);
    await write(6, 7, 100, 101);
    await qemu.readPage(103);
    expect(await written()).toEqual([6, 7, 100, 101]);
    await write(7, 8, 103);
    expect(await written()).toEqual([7, 8, 103]);
    expect(await written()).toEqual([]);
  });

  test("each of many single pages, and what lies between two of them", async () => {
    const crumbs = Array.from({ length: CRUMBS }, (_, at) => 2 * at);
    await write(...crumbs);
    expect(await written()).toEqual(crumbs);
    await write(1, 2, 3);
    expect(await written()).toEqual([1, 2, 3]);
  });

  // A full answer that is the last one: 512 ranges within the kernel, 1024 for us.
  test.each([512, 1024, 2048])("each of %i single pages once, at the memory's end", async (count) => {
    const crumbs = Array.from({ length: count }, (_, at) => pagesOf(MEMORY_MIB) - 2 * (count - at));
    const fresh = await ScriptedQemu.start(await memoryFolder(`crumbs-${count}`), "scanned");
    try {
      const process = fresh.process.identity.pid;
      const whole = await findMemoryMapping(
        process,
        join(folder, `crumbs-${count}`, MEMORY_FILE),
        nothingMapped(MEMORY_MIB),
      );
      for (const page of crumbs) await fresh.writePage(page, Buffer.alloc(PAGE_BYTES, 1));
      const { extents } = await helper.scan({
        pid: process,
        mapping: whole,
        wanted: "private",
        protect: true,
      });
      expect(extents.map(({ firstPage }) => firstPage)).toEqual(crumbs);
    } finally {
      await fresh[Symbol.asyncDispose]();
    }
  });
});
