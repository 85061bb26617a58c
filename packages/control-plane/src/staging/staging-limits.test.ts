import { pbkdf2 } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { newOrgId, newVmId, type OrgId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StagingHolder } from "./staging-holder.ts";
import type { StagingLimits } from "./staging-limits.ts";
import { StagingObjects } from "./staging-objects.ts";

const DISK_BYTES = 100;
/** Of a hundred one was still made after it had been removed. */
const REFUSALS = 200;
const derive = promisify(pbkdf2);
const orgId = newOrgId();
const holder = newVmId();

let folder: string;
let owners: Map<StagingHolder, OrgId>;
let freeBytes: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-staged-"));
  owners = new Map([[holder, orgId]]);
  freeBytes = 1e12;
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function stage(limits: Partial<StagingLimits> = {}): Promise<StagingObjects> {
  const objects = new StagingObjects({
    folder,
    limits: { bytesPerOrg: 1e6, freeBytesFloor: 0, ...limits },
    ownerOf: (id) => Promise.resolve(owners.get(id)),
    freeBytes: async () => freeBytes - (await usedBytes()),
  });
  await objects.open();
  return objects;
}

/** Of a disk that nobody else uses. */
async function usedBytes(): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, entry) => sum + (entry?.isFile() === true ? entry.size : 0), 0);
}

const bytes = (count: number): Readable => Readable.from([Buffer.alloc(count)]);
const object = (objectId: string, of = holder) => ({ holder: of, objectId, maxBytes: DISK_BYTES });

async function readToItsEnd(objects: StagingObjects, objectId: string): Promise<number> {
  return (await text((await objects.read(holder, objectId)).open())).length;
}

describe("what is staged for one VM", () => {
  test("is no more than its disk holds, whether a length is announced or not", async () => {
    const objects = await stage();
    await objects.write(object("a"), bytes(60));
    const tooMuch = { code: "quota_exceeded" };
    await expect(objects.write(object("b"), bytes(60))).rejects.toMatchObject(tooMuch);
    const unread = bytes(60);
    await expect(objects.write({ ...object("c"), bytes: 60 }, unread)).rejects.toMatchObject(tooMuch);
    expect(unread.readableDidRead).toBe(false);
    expect(await readdir(join(folder, holder))).toEqual(["a"]);
    await objects.write(object("d"), bytes(40));
    expect(await readToItsEnd(objects, "a")).toBe(60);
  });

  test("is gone once it is refused, also where the file system is slow to make it", async () => {
    const objects = await stage();
    await objects.write(object("kept"), bytes(60));
    const over = new AbortController();
    // Of the four threads that work for the file system, too.
    const busy = Array.from({ length: 3 }, async () => {
      while (!over.signal.aborted) await derive("password", "salt", 2_000, 32, "sha256");
    });
    for (let at = 0; at < REFUSALS; at++)
      await expect(objects.write(object(`refused-${at}`), bytes(60))).rejects.toMatchObject({
        code: "quota_exceeded",
      });
    over.abort();
    await Promise.all(busy);
    expect(await readdir(join(folder, holder))).toEqual(["kept"]);
  });

  test("makes way, oldest first, once it was read to its end", async () => {
    const objects = await stage();
    for (const id of ["a", "b"]) {
      await objects.write(object(id), bytes(40));
      expect(await readToItsEnd(objects, id)).toBe(40);
    }
    // Begun anew: somebody is about to read it again.
    await objects.read(holder, "a");
    await objects.write(object("c"), bytes(50));
    expect((await readdir(join(folder, holder))).toSorted()).toEqual(["a", "c"]);
    await expect(objects.read(holder, "b")).rejects.toMatchObject({ code: "not_found" });
  });

  test("is replaced by an upload to the same URL, also where both have no room", async () => {
    const objects = await stage();
    await objects.write(object("a"), bytes(90));
    await objects.write(object("a"), bytes(80));
    expect(await readToItsEnd(objects, "a")).toBe(80);
  });

  test("counts no longer once it failed, expired or went with its VM", async () => {
    const objects = await stage();
    await expect(objects.write(object("a"), bytes(101))).rejects.toMatchObject({ code: "body_too_large" });
    await objects.write(object("b"), bytes(90));
    await objects.expire(Date.now() + 1);
    await objects.write(object("c"), bytes(90));
    await objects.deleteOf(holder);
    await objects.write(object("d"), bytes(90));
    expect(await readdir(join(folder, holder))).toEqual(["d"]);
  });
});

describe("what is staged for one organisation", () => {
  test("is bounded over all its VMs, and no other's business", async () => {
    const objects = await stage({ bytesPerOrg: 150 });
    const [sibling, stranger] = [newVmId(), newVmId()];
    owners.set(sibling, orgId).set(stranger, newOrgId());
    await objects.write(object("a"), bytes(90));
    const refused = objects.write(object("b", sibling), bytes(90));
    await expect(refused).rejects.toMatchObject({ code: "quota_exceeded" });
    await objects.write(object("b", stranger), bytes(90));
    expect(await readToItsEnd(objects, "a")).toBe(90);
    await objects.write(object("b", sibling), bytes(90));
  });
});

describe("the disk's last bytes", () => {
  const [first, second] = [newVmId(), newVmId()];
  let objects: StagingObjects;

  beforeEach(async () => {
    owners.set(first, orgId).set(second, newOrgId());
    objects = await stage({ freeBytesFloor: 1000 });
    freeBytes = 1100;
  });

  test("are not given to an upload, announced or not", async () => {
    freeBytes = 1060;
    const full = { code: "out_of_disk" };
    const unread = bytes(70);
    await expect(objects.write({ ...object("a", first), bytes: 70 }, unread)).rejects.toMatchObject(full);
    expect(unread.readableDidRead).toBe(false);
    await expect(objects.write(object("a", first), bytes(70))).rejects.toMatchObject(full);
    // Whoever waits for it is told the same.
    await expect(objects.read(first, "a")).rejects.toMatchObject(full);
    await objects.write(object("b", first), bytes(60));
  });

  test("are not given to two that want them at once, nor kept by one that only announced", async () => {
    const silent = new Readable({ read: () => undefined });
    const admitted = Promise.withResolvers<void>();
    const waiting = objects.write({ ...object("a", first), bytes: 70 }, silent, admitted.resolve);
    const refused = expect(waiting).rejects.toMatchObject({ code: "out_of_disk" });
    await admitted.promise;
    const held = Promise.withResolvers<void>();
    const slow = Readable.from(
      (async function* () {
        yield Buffer.alloc(70);
        await held.promise;
      })(),
    );
    const writing = objects.write({ ...object("a", second), bytes: 70 }, slow);
    await expect.poll(usedBytes).toBe(70);
    silent.push(Buffer.alloc(70));
    silent.push(null);
    await refused;
    held.resolve();
    await writing;
    expect((await objects.read(second, "a")).bytes).toBe(70);
  });

  test("come back when what was read goes, whosever it is", async () => {
    await objects.write(object("a", first), bytes(60));
    const full = { code: "out_of_disk" };
    await expect(objects.write(object("a", second), bytes(70))).rejects.toMatchObject(full);
    await (await objects.read(first, "a")).open().toArray();
    await objects.write(object("a", second), bytes(70));
    await expect(objects.read(first, "a")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("an upload for a VM that is gone", () => {
  test("is refused", async () => {
    const objects = await stage();
    owners.delete(holder);
    await expect(objects.write(object("a"), bytes(1))).rejects.toMatchObject({ code: "not_found" });
    expect(await readdir(folder)).toEqual([]);
  });

  test("ends with its VM, and leaves nothing", async () => {
    const objects = await stage();
    const admitted = Promise.withResolvers<void>();
    const endless = new Readable({ read: () => undefined });
    endless.push("begun");
    const writing = objects.write(object("a"), endless, admitted.resolve);
    const rejected = expect(writing).rejects.toMatchObject({ code: "not_found" });
    await admitted.promise;
    await objects.deleteOf(holder);
    await rejected;
    expect(await readdir(folder)).toEqual([]);
  });
});
