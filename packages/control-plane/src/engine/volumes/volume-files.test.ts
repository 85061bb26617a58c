/** Files of a volume by the API, without a VM. */
import { setTimeout as sleep } from "node:timers/promises";
import type { VolumeId } from "@fastvm/contract";
import { describe, expect, onTestFinished, test } from "vitest";
import { testApp, type TestApp } from "../../testing/test-app.ts";

async function opened(): Promise<TestApp> {
  const api = await testApp();
  onTestFinished(() => api[Symbol.asyncDispose]());
  return api;
}

const made = async (api: TestApp): Promise<VolumeId> =>
  (await api.call("POST /v1/volumes", { name: "data", sizeGiB: 2 })).body.id;

describe("files of a volume", () => {
  test("are handled without a VM", async () => {
    const api = await opened();
    await made(api);
    const written = await api.call(`PUT /v1/volumes/data/files/content?path=/in/text`, undefined, {
      payload: "hello",
    });
    expect(written.body).toMatchObject({ path: "/in/text", sizeBytes: 5 });
    expect((await api.call(`GET /v1/volumes/data/files/content?path=/in/text`)).text).toBe("hello");
    expect(
      (await api.call(`POST /v1/volumes/data/files/copy`, { path: "/in/text", newPath: "/copy" })).status,
    ).toBe(201);
    expect(
      (await api.call(`POST /v1/volumes/data/files/rename`, { path: "/copy", newPath: "/moved" })).status,
    ).toBe(200);
    expect((await api.call(`POST /v1/volumes/data/files/make-dir`, { path: "/folder" })).status).toBe(201);
    const { entries } = (await api.call(`GET /v1/volumes/data/files?path=/`)).body;
    expect(entries.map(({ path }: { path: string }) => path)).toEqual(["/folder", "/in", "/moved"]);
    expect(
      (await api.call(`POST /v1/volumes/data/files/remove`, { path: "/in", recursive: true })).status,
    ).toBe(204);
    expect((await api.call(`GET /v1/volumes/data/files/stat?path=/in`)).body.code).toBe("file_not_found");
    expect((await api.call(`GET /v1/volumes/data/files/stat?path=in`)).status).toBe(400);
  });

  test("are watched by looking, until their folder is gone; what is not there is not watched", async () => {
    const api = await opened();
    await made(api);
    const refused = await api.call(`GET /v1/volumes/data/files/watch?path=/none`);
    expect([refused.status, refused.body.code]).toEqual([404, "file_not_found"]);
    await api.call(`POST /v1/volumes/data/files/make-dir`, { path: "/in" });
    const watched = api.call(`GET /v1/volumes/data/files/watch?path=/in`);
    // Within two looks, and the folder goes after them.
    await sleep(500);
    await api.call(`PUT /v1/volumes/data/files/content?path=/in/new`, undefined, { payload: "text" });
    await sleep(2_000);
    await api.call(`POST /v1/volumes/data/files/remove`, { path: "/in", recursive: true });
    const { text, headers } = await watched;
    expect(headers["content-type"]).toBe("application/x-ndjson");
    const lines = text.split("\n").filter(Boolean);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { type: "create", path: "/in/new" },
      { type: "error", path: "", code: "file_not_found" },
    ]);
  });

  test("are not there of one that goes", async () => {
    const api = await opened();
    const id = await made(api);
    await api.store.volumes.changeStatus(id, "ready", "deleting", {});
    const answer = await api.call(`GET /v1/volumes/${id}/files?path=/`);
    expect(answer).toMatchObject({ status: 409, body: { error: "VOL_NOT_READY", code: "volume_not_ready" } });
  });
});
