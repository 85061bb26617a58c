import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { newOrgId, newVmId, type OrgId, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StagingObjects, type StagingLimits } from "./staging-objects.ts";

const DISK_BYTES = 100;
const orgId = newOrgId();
const vmId = newVmId();

let folder: string;
let owners: Map<VmId, OrgId>;
let freeBytes: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-staged-"));
  owners = new Map([[vmId, orgId]]);
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
    freeBytes: () => Promise.resolve(freeBytes),
  });
  await objects.open();
  return objects;
}

const bytes = (count: number): Readable => Readable.from([Buffer.alloc(count)]);
const object = (objectId: string, of = vmId) => ({ vmId: of, objectId, maxBytes: DISK_BYTES });

async function readToItsEnd(objects: StagingObjects, objectId: string): Promise<number> {
  return (await text((await objects.read(vmId, objectId)).open())).length;
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
    expect(await readdir(join(folder, vmId))).toEqual(["a"]);
    await objects.write(object("d"), bytes(40));
    expect(await readToItsEnd(objects, "a")).toBe(60);
  });

  test("makes way, oldest first, once it was read to its end", async () => {
    const objects = await stage();
    for (const id of ["a", "b"]) {
      await objects.write(object(id), bytes(40));
      expect(await readToItsEnd(objects, id)).toBe(40);
    }
    // Begun anew: somebody is about to read it again.
    await objects.read(vmId, "a");
    await objects.write(object("c"), bytes(50));
    expect((await readdir(join(folder, vmId))).toSorted()).toEqual(["a", "c"]);
    await expect(objects.read(vmId, "b")).rejects.toMatchObject({ code: "not_found" });
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
    await objects.deleteOf(vmId);
    await objects.write(object("d"), bytes(90));
    expect(await readdir(join(folder, vmId))).toEqual(["d"]);
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
  test("are not given to uploads, not even when two want them at once", async () => {
    const objects = await stage({ freeBytesFloor: 1000 });
    freeBytes = 1100;
    const sibling = newVmId();
    owners.set(sibling, orgId);
    const outcomes = await Promise.allSettled(
      [vmId, sibling].map((of) => objects.write({ ...object("a", of), bytes: 70 }, bytes(70))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "out_of_disk" } });
    await expect(objects.read(sibling, "a")).rejects.toMatchObject({ code: "out_of_disk" });
  });
});

describe("an upload for a VM that is gone", () => {
  test("is refused", async () => {
    const objects = await stage();
    owners.delete(vmId);
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
    await objects.deleteOf(vmId);
    await rejected;
    expect(await readdir(folder)).toEqual([]);
  });
});
