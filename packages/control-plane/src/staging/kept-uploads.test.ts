/** What is left of uploads in parts when a daemon ends, killed or stopped, and another one starts. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { newOrgId, newVmId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RecordingLog } from "../testing/recording-log.ts";
import { createStaging, type Staging } from "./staging.ts";
import type { Upload } from "./upload-ledger.ts";

const orgId = newOrgId();
const vmId = newVmId();
const ORDER = { path: "/srv/big", bytes: 20, partBytes: 10, sha256: undefined, mode: undefined };
const LIFETIME_MS = 1000;

let folder: string;
let now: number;
let isThere: boolean;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-kept-"));
  now = 5000;
  isThere = true;
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  await rm(folder, { recursive: true, force: true });
});

async function daemon(): Promise<Staging> {
  const staging = createStaging({
    folder,
    limits: { bytesPerOrg: 1000, freeBytesFloor: 0 },
    ownerOf: () => Promise.resolve(isThere ? orgId : undefined),
    clock: { now: () => now },
    log: new RecordingLog(),
  });
  stops.push(await staging.start());
  return staging;
}

async function stage({ objects, urls }: Staging, bytes: number): Promise<string> {
  const objectId = urls.newObjectId();
  await objects.write({ holder: vmId, objectId, maxBytes: 1000 }, Readable.from([Buffer.alloc(bytes)]));
  return objectId;
}

async function begin(staging: Staging): Promise<Upload> {
  const order = { ...ORDER, overwrites: true, repeatKey: "key" };
  const upload = staging.uploads.open(vmId, order, now, LIFETIME_MS);
  if (upload === undefined) throw new Error("there are too many");
  for (const number of [1, 2]) {
    upload.parts.set(number, { objectId: await stage(staging, 10), bytes: 10, sha256: "0" });
  }
  await staging.uploadRecords.write(upload);
  return upload;
}

async function changeRecord(change: (text: string) => string): Promise<void> {
  const [name = ""] = await readdir(join(folder, "uploads"));
  const record = join(folder, "uploads", name);
  await writeFile(record, change(await readFile(record, "utf8")));
}

const files = async () =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((it) => it.isFile());

test.each([
  ["killed", () => Promise.resolve()],
  ["stopped", async () => stops.pop()?.()],
])("of a daemon that is %s they stay, with their parts, and nothing else does", async (_how, end) => {
  const staging = await daemon();
  const upload = await begin(staging);
  const other = await stage(staging, 10);
  await end();
  const next = await daemon();
  expect(next.uploads.find(vmId, upload.id, now)).toEqual(upload);
  expect(next.uploads.open(vmId, { ...ORDER, overwrites: true, repeatKey: "key" }, now, 1)?.id).toBe(
    upload.id,
  );
  for (const { objectId } of upload.parts.values()) {
    expect((await next.objects.read(vmId, objectId)).bytes).toBe(10);
  }
  await expect(next.objects.read(vmId, other)).rejects.toMatchObject({ code: "not_found" });
  expect(await files()).toHaveLength(3);
});

test("a part whose bytes are not all there is none", async () => {
  const { id, parts } = await begin(await daemon());
  await truncate(join(folder, vmId, parts.get(2)?.objectId ?? ""), 5);
  const found = (await daemon()).uploads.find(vmId, id, now);
  expect([...(found?.parts.keys() ?? [])]).toEqual([1]);
});

test.each([
  ["their VM is gone", () => (isThere = false)],
  ["their time is over", () => (now += LIFETIME_MS)],
  ["the host itself ended", () => changeRecord((text) => text.replace(/"bootId":"[^"]+"/, '"bootId":"old"'))],
  ["the host ended before it was written", () => changeRecord(() => "")],
])("when %s, nothing of them is left", async (_why, happen) => {
  await begin(await daemon());
  await happen();
  const next = await daemon();
  expect(next.uploads.all()).toEqual([]);
  expect(await files()).toEqual([]);
});

test("with their VM they go", async () => {
  const staging = await daemon();
  await begin(staging);
  await staging.deleteOf(vmId);
  expect(await files()).toEqual([]);
});
