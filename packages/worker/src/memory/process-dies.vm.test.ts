import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { killAndWait } from "../processes/proc.ts";
import { openBareSlot } from "../testing/bare-slot.ts";
import type { BareSlot } from "../testing/bare-slot.ts";
import { copyPages } from "./copy-pages.ts";
import { applyDelta, captureDelta } from "./delta.ts";
import { findMemoryMapping, PAGE_BYTES } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";

/** Four slices of the copy: the event loop, and with it the kill, has its turn between them. */
const PAGES = 2_048;
const ALL = [{ firstPage: 0, pages: PAGES }];

describe("a QEMU that dies while its memory is copied", () => {
  let bare: BareSlot;
  let mapping: MemoryMapping;
  let pid: number;

  beforeEach(async () => {
    bare = await openBareSlot("c1m1");
    pid = bare.slot.qemu.identity.pid;
    mapping = await findMemoryMapping(pid, join(bare.slot.folder, "memory"));
    await using memory = await open(`/proc/${pid}/mem`, "r+");
    await memory.write(randomBytes(PAGES * PAGE_BYTES), 0, PAGES * PAGE_BYTES, mapping.address);
  });

  afterEach(async () => {
    await bare[Symbol.asyncDispose]();
  });

  const killed = (): Promise<void> => killAndWait(bare.slot.qemu.identity);

  test("ends the restore that writes it", async () => {
    const delta = join(bare.root, "delta");
    await captureDelta(pid, mapping, delta);
    await using memory = await open(`/proc/${pid}/mem`, "r+");
    await using source = await open(delta, "r");
    const packed = { fd: source.fd, layout: "packed", base: PAGE_BYTES } as const;
    const scattered = { fd: memory.fd, layout: "scattered", base: mapping.address } as const;
    await killed();
    await expect(copyPages(ALL, packed, scattered)).rejects.toThrow("took no more");
    await expect(applyDelta(pid, mapping, delta)).rejects.toThrow();
  });

  test("ends the capture that reads it", async () => {
    await using memory = await open(`/proc/${pid}/mem`, "r");
    await using target = await open(join(bare.root, "target"), "wx");
    const scattered = { fd: memory.fd, layout: "scattered", base: mapping.address } as const;
    await killed();
    const copied = copyPages(ALL, scattered, { fd: target.fd, layout: "packed", base: 0 });
    await expect(copied).rejects.toThrow("ended before");
  });

  test("in the middle: both end, whenever it was", async () => {
    const delta = join(bare.root, "delta");
    await captureDelta(pid, mapping, delta);
    const outcomes = Promise.allSettled([
      applyDelta(pid, mapping, delta),
      captureDelta(pid, mapping, join(bare.root, "again")),
    ]);
    process.kill(pid, "SIGKILL");
    for (const { status } of await outcomes) expect(status).toMatch(/^(fulfilled|rejected)$/);
    await killed();
  });
});
