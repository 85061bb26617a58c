/** Uploads in parts. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";
import { vmIdOf } from "../../ids.ts";

/** The least that a part may have. */
const PART = 65_536;
const CONTENT = Buffer.alloc(2 * PART + 5, "abc");
const DAY_MS = 24 * 3_600_000;

let api: MachinesApp;
let id: string;

beforeEach(async () => {
  api = await machinesApp();
  ({ id } = await api.ok("POST /v1/machines", {}));
});
afterEach(async () => {
  vi.useRealTimers();
  await api[Symbol.asyncDispose]();
});

const order = (rest: object = {}) => ({
  path: "/srv/big",
  size: CONTENT.length,
  part_size: PART,
  sha256: sha256Of(CONTENT),
  ...rest,
});
const partOf = (number: number) => CONTENT.subarray((number - 1) * PART, number * PART);
const put = (upload: string, number: number | string, payload: Buffer, query = "") =>
  api.call(`PUT /v1/machines/${id}/uploads/${upload}/parts/${number}${query}`, undefined, { payload });
const written = () => api.fastvm.worker.files.get(`${vmIdOf(id)}:/srv/big`);

function sha256Of(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

async function withParts(numbers: readonly number[], rest: object = {}): Promise<string> {
  const { id: upload } = await api.ok(`POST /v1/machines/${id}/uploads`, order(rest));
  for (const number of numbers) expect((await put(upload, number, partOf(number))).status).toBe(200);
  return upload;
}

test("parts in any order, several at a time, become one file", async () => {
  const upload = await withParts([]);
  const answers = await Promise.all([3, 1, 2].map((number) => put(upload, number, partOf(number))));
  expect(answers.map(({ body }) => body)).toEqual(
    [3, 1, 2].map((number) => ({
      number,
      size: partOf(number).length,
      sha256: sha256Of(partOf(number)),
    })),
  );
  expect(written()).toBeUndefined();
  const done = await api.ok(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(done).toMatchObject({ id: upload, sha256: sha256Of(CONTENT), file: { path: "/srv/big" } });
  expect(written()?.equals(CONTENT)).toBe(true);
});

test("one that was broken off goes on where it was", async () => {
  const upload = await withParts([1, 3]);
  const seen = await api.ok(`GET /v1/machines/${id}/uploads/${upload}`);
  expect(seen).toMatchObject({ status: "open", part_count: 3, received_bytes: PART + 5 });
  expect(seen.parts.map(({ number }: { number: number }) => number)).toEqual([1, 3]);
  const early = await api.call(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(early).toMatchObject({ status: 409, body: { code: "upload_conflict" } });
  expect(early.body.message).toContain("did not come: 2");
  await put(upload, 2, partOf(2));
  await api.ok(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(written()?.equals(CONTENT)).toBe(true);
});

test("parts come while the machine sleeps; the end needs it awake", async () => {
  await api.ok(`POST /v1/machines/${id}/hibernate`);
  const upload = await withParts([1, 2, 3]);
  const asleep = await api.call(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(asleep).toMatchObject({ status: 409, body: { code: "machine_not_ready" } });
  ({ id } = await api.ok(`POST /v1/machines/${id}/resume`));
  await api.ok(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
});

test("a part that is not what was announced is not kept", async () => {
  const upload = await withParts([]);
  const wrong = await put(upload, 1, partOf(1), `?sha256=${sha256Of(partOf(3))}`);
  expect(wrong).toMatchObject({ status: 400, body: { code: "upload_checksum_mismatch" } });
  for (const payload of [partOf(1).subarray(1), CONTENT.subarray(0, PART + 1)]) {
    expect(await put(upload, 1, payload)).toMatchObject({ status: 400, body: { field: "size" } });
  }
  for (const number of ["0", "4", "1.0", "x"]) {
    expect(await put(upload, number, partOf(1))).toMatchObject({ status: 400, body: { field: "part" } });
  }
  expect((await api.ok(`GET /v1/machines/${id}/uploads/${upload}`)).parts).toEqual([]);
});

test("a whole that is not what was announced is not written, and can be mended", async () => {
  const upload = await withParts([1, 2]);
  await put(upload, 3, Buffer.alloc(5));
  const wrong = await api.call(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(wrong).toMatchObject({ status: 400, body: { code: "upload_checksum_mismatch" } });
  expect(written()).toBeUndefined();
  await put(upload, 3, partOf(3));
  await api.ok(`POST /v1/machines/${id}/uploads/${upload}/complete`, {});
  expect(written()?.equals(CONTENT)).toBe(true);
});

test("an end whose answer was lost has the same answer again, and its parts are gone", async () => {
  const upload = await withParts([1, 2, 3]);
  const complete = (once?: string) =>
    api.ok(`POST /v1/machines/${id}/uploads/${upload}/complete`, {}, once === undefined ? {} : { once });
  const done = await complete("end-of-tonight");
  expect(await complete("end-of-tonight")).toEqual(done);
  expect(await complete()).toEqual(done);
  expect(await api.ok(`GET /v1/machines/${id}/uploads/${upload}`)).toMatchObject({
    status: "completed",
    parts: [],
  });
  expect(await put(upload, 1, partOf(1))).toMatchObject({ status: 409, body: { code: "upload_conflict" } });
});

test("the same order under one key is one upload, also of many at once", async () => {
  const once = "upload-of-tonight";
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => api.ok(`POST /v1/machines/${id}/uploads`, order(), { once })),
  );
  expect(new Set(answers.map(({ id: upload }) => upload)).size).toBe(1);
  expect((await api.ok(`GET /v1/machines/${id}/uploads`)).uploads).toHaveLength(1);
  const other = await api.call(`POST /v1/machines/${id}/uploads`, order({ size: 1 }), { once });
  expect(other).toMatchObject({ status: 409, body: { code: "conflict" } });
});

test("a file that is there is overwritten, or not", async () => {
  await api.ok(`PUT /v1/machines/${id}/files/content?path=/srv/big`, undefined, { payload: "there" });
  const careful = await withParts([1, 2, 3], { on_conflict: "fail" });
  const refused = await api.call(`POST /v1/machines/${id}/uploads/${careful}/complete`, {});
  expect(refused).toMatchObject({ status: 409, body: { code: "upload_conflict" } });
  expect(written()?.toString()).toBe("there");
  await api.ok(`POST /v1/machines/${id}/uploads/${await withParts([1, 2, 3])}/complete`, {});
  expect(written()).toHaveLength(CONTENT.length);
});

test("one that is ended is forgotten, and so is each after a day", async () => {
  const ended = await withParts([1]);
  expect(await api.ok(`DELETE /v1/machines/${id}/uploads/${ended}`)).toEqual({ id: ended, aborted: true });
  const late = await withParts([1]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_MS });
  for (const upload of [ended, late, "upl_none", "__proto__"]) {
    const answer = await api.call(`GET /v1/machines/${id}/uploads/${upload}`);
    expect(answer).toMatchObject({ status: 404, body: { code: "upload_not_found" } });
  }
  expect(await api.ok(`GET /v1/machines/${id}/uploads`)).toEqual({ uploads: [] });
});

test("what could never fit, and one too many, are beyond a limit", async () => {
  const limit = { status: 403, body: { code: "file_upload_limit_exceeded" } };
  const { config } = await api.ok(`GET /v1/machines/${id}`);
  const size = config.disk_mb * 1024 * 1024 + 1;
  expect(await api.call(`POST /v1/machines/${id}/uploads`, { path: "/srv/big", size })).toMatchObject(limit);
  for (let n = 0; n < 64; n++) await api.ok(`POST /v1/machines/${id}/uploads`, order());
  expect(await api.call(`POST /v1/machines/${id}/uploads`, order())).toMatchObject(limit);
});

test("a share of the host's disk is the organisation's, whatever the number of uploads", async () => {
  await using small = await machinesApp({ config: { staging: { bytesPerOrg: PART, freeBytesFloor: 0 } } });
  const { id: machine } = await small.ok("POST /v1/machines", {});
  const begin = () => small.ok(`POST /v1/machines/${machine}/uploads`, { path: "/srv/x", size: PART });
  const send = async () => {
    const { id: upload } = await begin();
    const route = `PUT /v1/machines/${machine}/uploads/${upload}/parts/1`;
    return await small.call(route, undefined, { payload: partOf(1) });
  };
  expect(await send()).toMatchObject({ status: 200 });
  expect(await send()).toMatchObject({ status: 403, body: { code: "file_upload_limit_exceeded" } });
});

test.each([
  [{ path: "relative" }, "path"],
  [{ path: "/workspace/.nullspace/x" }, "path"],
  [{ size: -1 }, "size"],
  [{ size: 1001 * 65_536 }, "part_size"],
  [{ part_size: 1 }, "part_size"],
  [{ sha256: "AB" }, "sha256"],
  [{ mode: "rw" }, "mode"],
  [{ on_conflict: "ask" }, "on_conflict"],
])("%j is refused", async (rest, field) => {
  const answer = await api.call(`POST /v1/machines/${id}/uploads`, order(rest));
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field } });
});
