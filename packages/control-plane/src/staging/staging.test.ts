import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { newOrgId, newVmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SignedUrls, type StagingGrant } from "./signed-urls.ts";
import { StagingObjects } from "./staging-objects.ts";

const holder = newVmId();

describe("a signed URL", () => {
  const urls = new SignedUrls();
  const grant: StagingGrant = {
    method: "PUT",
    holder,
    objectId: urls.newObjectId(),
    maxBytes: 1000,
    expiresAtMs: 5000,
  };

  test("is read back as it was granted", () => {
    expect(urls.verify(urls.sign(grant))).toEqual(grant);
  });

  test.each([
    ["method", /method=PUT/, "method=GET"],
    ["size", /max=1000/, "max=1001"],
    ["time", /expires=5000/, "expires=6000"],
    ["object", /[0-9a-f]{32}\?/, `${"0".repeat(32)}?`],
    ["VM", holder, newVmId()],
    ["signature", /signature=./, "signature=!"],
  ])("is worth nothing with another %s", (_, part, other) => {
    const url = urls.sign(grant);
    expect(url.replace(part, other)).not.toBe(url);
    expect(urls.verify(url.replace(part, other))).toBeUndefined();
  });

  test("of another server is worth nothing, and nonsense does no harm", () => {
    expect(urls.verify(new SignedUrls().sign(grant))).toBeUndefined();
    for (const nonsense of ["", "//", "/staging", "http://[", "/staging/../../etc/passwd?signature=x"]) {
      expect(urls.verify(nonsense)).toBeUndefined();
    }
  });
});

describe("a staged object", () => {
  let folder: string;
  let objects: StagingObjects;
  const id = "a".repeat(32);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-staged-"));
    objects = new StagingObjects({
      folder,
      limits: { bytesPerOrg: 1000, freeBytesFloor: 0 },
      ownerOf: () => Promise.resolve(newOrgId()),
    });
    await objects.open();
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("is read as it was written last", async () => {
    await objects.write({ holder, objectId: id, maxBytes: 100 }, Readable.from([Buffer.from("first")]));
    await objects.write(
      { holder, objectId: id, maxBytes: 100 },
      Readable.from([Buffer.from("sec"), Buffer.from("ond")]),
    );
    const object = await objects.read(holder, id);
    expect(object.bytes).toBe(6);
    expect(await text(object.open())).toBe("second");
  });

  test("is waited for while it is being written", async () => {
    let finish = (): void => undefined;
    const slow = new Readable({ read: () => undefined });
    slow.push("begun, ");
    finish = () => {
      slow.push("done");
      slow.push(null);
    };
    const writing = objects.write({ holder, objectId: id, maxBytes: 100 }, slow);
    const reading = objects.read(holder, id);
    finish();
    await writing;
    expect(await text((await reading).open())).toBe("begun, done");
  });

  test("beyond its size, or cut short, leaves nothing", async () => {
    await expect(
      objects.write({ holder, objectId: id, maxBytes: 3 }, Readable.from([Buffer.from("four")])),
    ).rejects.toMatchObject({
      code: "body_too_large",
    });
    const cut = Readable.from(
      (async function* () {
        yield Buffer.from("x");
        throw new Error("the client went away");
      })(),
    );
    await expect(objects.write({ holder, objectId: id, maxBytes: 100 }, cut)).rejects.toThrow("went away");
    expect(await readdir(join(folder, holder))).toEqual([]);
    await expect(objects.read(holder, id)).rejects.toMatchObject({ code: "not_found" });
  });

  test("goes with its time, and with its VM", async () => {
    await objects.write({ holder, objectId: id, maxBytes: 100 }, Readable.from([Buffer.from("x")]));
    await objects.expire(Date.now() - 60_000);
    expect((await objects.read(holder, id)).bytes).toBe(1);
    await objects.expire(Date.now() + 60_000);
    await expect(objects.read(holder, id)).rejects.toMatchObject({ code: "not_found" });
    await objects.write({ holder, objectId: id, maxBytes: 100 }, Readable.from([Buffer.from("x")]));
    await objects.deleteOf(holder);
    expect(await readdir(folder)).toEqual([]);
  });
});
