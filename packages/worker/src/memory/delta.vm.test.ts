import { randomBytes, randomInt } from "node:crypto";
import { open, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBareSlot } from "../testing/bare-slot.ts";
import type { BareSlot } from "../testing/bare-slot.ts";
import { applyDelta, captureDelta, flattenDelta } from "./delta.ts";
import { findMemoryMapping, PAGE_BYTES } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";

const PAGES = 262_144;

describe("a VM's private memory", () => {
  let bare: BareSlot;
  let mapping: MemoryMapping;
  let pid: number;

  beforeEach(async () => {
    bare = await openBareSlot("c1m1");
    pid = bare.slot.qemu.identity.pid;
    mapping = await findMemoryMapping(pid, join(bare.slot.folder, "memory"));
  });

  afterEach(async () => {
    await bare[Symbol.asyncDispose]();
  });

  /** Writes pages the way a guest does: into the process, not the file. */
  async function scribble(pages: ReadonlyMap<number, Buffer>): Promise<void> {
    await using memory = await open(`/proc/${pid}/mem`, "r+");
    for (const [page, bytes] of pages) {
      await memory.write(bytes, 0, PAGE_BYTES, mapping.address + page * PAGE_BYTES);
    }
  }

  async function readPage(page: number): Promise<Buffer> {
    await using memory = await open(`/proc/${pid}/mem`, "r");
    const bytes = Buffer.alloc(PAGE_BYTES);
    await memory.read(bytes, 0, PAGE_BYTES, mapping.address + page * PAGE_BYTES);
    return bytes;
  }

  function randomPages(count: number): Map<number, Buffer> {
    const pages = new Map<number, Buffer>([
      [0, randomBytes(PAGE_BYTES)],
      [PAGES - 1, randomBytes(PAGE_BYTES)],
    ]);
    // A run longer than a copy slice beside single pages.
    for (let page = 1000; page < 1700; page++) pages.set(page, randomBytes(PAGE_BYTES));
    while (pages.size < count) pages.set(randomInt(PAGES), randomBytes(PAGE_BYTES));
    return pages;
  }

  test("is captured, and comes back in another process", async () => {
    const pages = randomPages(2_000);
    await scribble(pages);
    const delta = join(bare.root, "delta");
    const bytes = await captureDelta(pid, mapping, delta);
    expect(bytes).toBeGreaterThanOrEqual(pages.size * PAGE_BYTES);
    await using other = await openBareSlot("c1m1");
    const otherPid = other.slot.qemu.identity.pid;
    const otherMapping = await findMemoryMapping(otherPid, join(other.slot.folder, "memory"));
    await applyDelta(otherPid, otherMapping, delta);
    const again = join(bare.root, "again");
    await captureDelta(otherPid, otherMapping, again);
    expect((await readFile(again)).equals(await readFile(delta))).toBe(true);
    for (const [page, expected] of pages) expect((await readPage(page)).equals(expected)).toBe(true);
  });

  test("melts into a base that holds the pages at their places and stays sparse elsewhere", async () => {
    const pages = randomPages(1_000);
    await scribble(pages);
    const delta = join(bare.root, "delta");
    await captureDelta(pid, mapping, delta);
    const melted = join(bare.root, "melted");
    await flattenDelta(join(bare.slot.folder, "memory"), delta, melted, { baseIsEmpty: true });
    await using file = await open(melted, "r");
    for (const [page, expected] of pages) {
      const bytes = Buffer.alloc(PAGE_BYTES);
      await file.read(bytes, 0, PAGE_BYTES, page * PAGE_BYTES);
      expect(bytes.equals(expected)).toBe(true);
    }
    const { size, blocks } = await stat(melted);
    expect(size).toBe(PAGES * PAGE_BYTES);
    expect(blocks * 512).toBeLessThan(pages.size * PAGE_BYTES * 3);
  });

  test("never reaches the base file", async () => {
    await scribble(randomPages(800));
    const { blocks } = await stat(join(bare.slot.folder, "memory"));
    expect(blocks).toBe(0);
  });

  test("is refused when its delta is cut short or does not fit", async () => {
    await scribble(randomPages(800));
    const delta = join(bare.root, "delta");
    await captureDelta(pid, mapping, delta);
    const smaller = { ...mapping, bytes: mapping.bytes / 2 };
    await expect(applyDelta(pid, smaller, delta)).rejects.toThrow("does not fit");
    await truncate(delta, (await stat(delta)).size - PAGE_BYTES);
    await expect(applyDelta(pid, mapping, delta)).rejects.toThrow("does not fit");
    await rm(delta);
  });
});
