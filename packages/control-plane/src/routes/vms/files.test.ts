import { once } from "node:events";
import { request, type ClientRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TEST_KEY, testApp, type TestApp } from "../../testing/test-app.ts";

/** What takes longer has its headers early. */
const HEADERS_AFTER_MS = 40;

describe("files/fetch of an upload that is under way", () => {
  let api: TestApp;
  let base: string;
  let vmId: string;
  let upload: ClientRequest;
  let downloadUrl: string;

  beforeEach(async () => {
    api = await testApp({ config: { execHeadersAfterMs: HEADERS_AFTER_MS, execWhitespaceEveryMs: 10 } });
    base = await api.app.listen({ host: "127.0.0.1", port: 0 });
    vmId = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    const signed = (await api.call(`POST /v1/vms/${vmId}/files/presign`, { path: "/x" })).body;
    downloadUrl = signed.downloadUrl;
    const { pathname, search } = new URL(signed.uploadUrl);
    // Chunked, so that it is answered before its end.
    upload = request(`${base}${pathname}${search}`, { method: "PUT" });
    upload.on("error", () => undefined);
    upload.write("begun, ");
    const [response] = await once(upload, "response");
    expect(response.statusCode).toBe(200);
    response.on("error", () => undefined).resume();
  });

  afterEach(async () => {
    upload.destroy();
    await api[Symbol.asyncDispose]();
  });

  async function fetchFile(timeoutSec?: number): Promise<Response> {
    return await fetch(`${base}/v1/vms/${vmId}/files/fetch`, {
      method: "POST",
      headers: { "x-api-key": TEST_KEY },
      body: JSON.stringify({ url: downloadUrl, path: "/root/x", timeoutSec }),
    });
  }

  test("has its headers before the upload has its end, then writes all of it", async () => {
    const response = await fetchFile();
    expect(response.status).toBe(200);
    expect(api.worker.files.size).toBe(0);
    upload.end("done");
    expect(await response.json()).toMatchObject({ exitCode: 0 });
    expect(api.worker.files.get(`${vmId}:/root/x`)?.toString()).toBe("begun, done");
  });

  test("tells late that the upload was cut, and writes nothing", async () => {
    const response = await fetchFile();
    upload.destroy();
    expect(await response.json()).toMatchObject({ exitCode: 255, code: "not_found" });
    expect(api.worker.files.size).toBe(0);
  });

  test("does not wait longer than it was told to", async () => {
    const response = await fetchFile(1);
    expect(await response.json()).toMatchObject({ exitCode: 255, code: "transfer_failed" });
  });

  test("is 404 when the upload is cut in time for that", async () => {
    setTimeout(() => upload.destroy(), HEADERS_AFTER_MS / 4);
    expect((await fetchFile()).status).toBe(404);
  });
});
