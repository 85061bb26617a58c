import { once } from "node:events";
import { request, type ClientRequest } from "node:http";
import { MAX_TIMEOUT_SEC } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TEST_KEY, testApp, type TestApp } from "../../../../testing/test-app.ts";

/** What takes longer has its headers early. */
const HEADERS_AFTER_MS = 2_000;

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
    const response = await fetchFile(HEADERS_AFTER_MS / 1000 + 1);
    expect(await response.json()).toMatchObject({ exitCode: 255, code: "transfer_failed" });
  });

  test("waits also for as long as no timer can hold", async () => {
    const response = await fetchFile(MAX_TIMEOUT_SEC);
    upload.end("done");
    expect(await response.json()).toMatchObject({ exitCode: 0 });
  });

  test("is 404 when the upload is cut in time for that", async () => {
    setTimeout(() => upload.destroy(), HEADERS_AFTER_MS / 4);
    expect((await fetchFile()).status).toBe(404);
  });
});

describe("files/presign leads the VM to the API", () => {
  let api: TestApp;
  let vmId: string;

  async function launch(config: { publicUrl?: string } = {}): Promise<void> {
    api = await testApp({ config });
    vmId = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
  }

  afterEach(() => api[Symbol.asyncDispose]());

  const presign = (host: string) =>
    api.call(`POST /v1/vms/${vmId}/files/presign`, { path: "/x" }, { headers: { host } });

  test.each([
    ["10.1.2.3:8800", "http://10.1.2.3:8800", { host: "10.1.2.3", port: 8800 }],
    ["[2001:DB8::1]:8800", "http://[2001:db8::1]:8800", { host: "2001:db8::1", port: 8800 }],
    ["FastVM.example.com", "http://fastvm.example.com", { host: "fastvm.example.com", port: 80 }],
  ])("by %s, with which its URLs begin", async (host, origin, target) => {
    await launch();
    const { uploadUrl, downloadUrl } = (await presign(host)).body;
    expect([new URL(uploadUrl).origin, new URL(downloadUrl).origin]).toEqual([origin, origin]);
    expect(api.worker.mapped).toEqual([{ vmId, ...target }]);
  });

  test.each(["a b", "a/b", "u@a", "a:x", "[::1"])("not by the host %j, which is 400", async (host) => {
    await launch();
    expect(await presign(host)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(api.worker.mapped).toEqual([]);
  });

  test("by the public URL, if it has one, unless somebody else ends its TLS", async () => {
    await launch({ publicUrl: "http://fastvm.example.com" });
    expect((await presign("10.1.2.3:8800")).body.uploadUrl).toMatch(
      /^http:\/\/fastvm\.example\.com\/staging\//,
    );
    expect(api.worker.mapped).toEqual([{ vmId, host: "fastvm.example.com", port: 80 }]);
    await api[Symbol.asyncDispose]();
    await launch({ publicUrl: "https://fastvm.example.com" });
    expect((await presign("10.1.2.3:8800")).body.uploadUrl).toMatch(
      /^https:\/\/fastvm\.example\.com\/staging\//,
    );
    expect(api.worker.mapped).toEqual([]);
  });

  test("only while it runs; a VM that does not take it still gets its URLs", async () => {
    await launch();
    api.worker.failNext("mapToLoopback", new Error("no answer"));
    expect((await presign("a.example:8800")).status).toBe(200);
    expect(api.log.entries.at(-1)).toMatchObject({ level: "warn", fields: { vmId, host: "a.example" } });
    await api.call(`POST /v1/vms/${vmId}/pause`);
    expect((await presign("a.example:8800")).status).toBe(200);
    expect(api.worker.calls.filter(({ method }) => method === "mapToLoopback")).toHaveLength(1);
  });
});
