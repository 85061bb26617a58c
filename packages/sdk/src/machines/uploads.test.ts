/** What the client sends of a file in parts, and of permissions for others. */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { FileUploadError, Machine } from "../machines.ts";
import { json, WireServer, type WireHandler } from "../testing/wire-server.ts";

const CONTENT = "aabbc";
const MACHINE = { id: "mch_1", status: "running" };
const FILE = { name: "f", path: "/f", type: "file", size: 5, mode: "0644", link_target: null };

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const partOf = (number: number) => CONTENT.slice((number - 1) * 2, number * 2);
const machineAt = (server: WireServer) =>
  Machine.connect("mch_1", { apiKey: "ns_live_key", baseUrl: server.url, maxRetries: 0 });

/** Keeps parts in its memory, as the server does. `failing` is called for each part before it is taken. */
function uploads(
  parts: Map<number, string>,
  failing: (number: number) => boolean = () => false,
): WireHandler {
  const view = () => ({
    id: "upl_1",
    path: "/f",
    status: "open",
    size: 5,
    part_size: 2,
    part_count: 3,
    parts: [...parts].map(([number, text]) => ({ number, size: text.length, sha256: sha256(text) })),
  });
  return async (request, response) => {
    const [, part] = /\/parts\/(\d)\?sha256=/.exec(request.url) ?? [];
    if (request.url === "/v1/machines/mch_1") return json(200, MACHINE)(request, response);
    if (request.url.endsWith("/complete")) return json(200, { file: FILE })(request, response);
    if (part === undefined) return json(request.method === "POST" ? 201 : 200, view())(request, response);
    if (failing(Number(part)))
      return json(403, { code: "file_upload_limit_exceeded", message: "full" })(request, response);
    parts.set(Number(part), request.body);
    return json(200, {})(request, response);
  };
}

it("a file goes in parts, each with its checksum, and its end with that of the whole", async () => {
  const parts = new Map<number, string>();
  await using server = await WireServer.start(uploads(parts));
  const { files } = await machineAt(server);
  const seen: number[] = [];
  const onProgress = (sent: number, total: number) => seen.push(sent, total);
  const written = await files.uploadFile("/f", CONTENT, { partSize: 2, mode: "0600", onProgress });
  expect(written).toMatchObject({ path: "/f", size: 5 });
  expect(parts).toEqual(new Map([1, 2, 3].map((number) => [number, partOf(number)])));
  const [, begin, ...rest] = server.requests;
  expect(begin?.headers["idempotency-key"]).toMatch(/./);
  expect(JSON.parse(begin?.body ?? "")).toEqual({ path: "/f", size: 5, part_size: 2, mode: "0600" });
  const urls = rest.map(({ url }) => url);
  for (const number of [1, 2, 3]) {
    const url = `/v1/machines/mch_1/uploads/upl_1/parts/${number}?sha256=${sha256(partOf(number))}`;
    expect(urls).toContain(url);
  }
  expect(JSON.parse(rest.at(-1)?.body ?? "")).toEqual({ sha256: sha256(CONTENT) });
  expect(seen.slice(-2)).toEqual([5, 5]);
});

it("what failed goes on with the parts that came, but not with those of another content", async () => {
  const parts = new Map<number, string>();
  let isBroken = true;
  await using server = await WireServer.start(uploads(parts, (number) => isBroken && number > 1));
  const { files } = await machineAt(server);
  const failure = await files.uploadFile("/f", CONTENT, { concurrency: 1 }).catch((error: unknown) => error);
  if (!(failure instanceof FileUploadError)) throw failure;
  expect(failure).toMatchObject({
    uploadId: "upl_1",
    code: "file_upload_limit_exceeded",
    family: "limit",
    status: 403,
  });
  isBroken = false;
  parts.set(3, "x");
  const before = server.requests.length;
  await files.uploadFile("/f", CONTENT, { uploadId: failure.uploadId, concurrency: 1 });
  const sent = server.requests.slice(before).map(({ url }) => /parts\/\d/.exec(url)?.[0]);
  expect(sent.filter((part) => part !== undefined)).toEqual(["parts/2", "parts/3"]);
  expect([...parts.values()].join("").length).toBe(5);
});

it("an upload of something else is not gone on with", async () => {
  const parts = new Map<number, string>();
  await using server = await WireServer.start(uploads(parts));
  const { files } = await machineAt(server);
  await expect(files.uploadFile("/g", CONTENT, { uploadId: "upl_1" })).rejects.toThrow("5 bytes for /f");
  expect(parts.size).toBe(0);
});

it("uploads are listed and ended, files signed for others, and keys for logins", async () => {
  const signed = { url: "http://a/", method: "PUT", max_bytes: 5, expires_at: "" };
  await using server = await WireServer.start(
    json(200, MACHINE),
    json(200, { uploads: [{ id: "upl_1", part_count: 3 }] }),
    json(200, { id: "upl_1", aborted: true }),
    json(200, signed),
    json(200, { ...signed, method: "GET" }),
    json(200, { certificate: "c", host_key: "k", access_id: "a" }),
  );
  const machine = await machineAt(server);
  expect((await machine.files.listUploads())[0]?.partCount).toBe(3);
  await machine.files.abortUpload("upl_1");
  expect((await machine.files.uploadUrl("/f", { maxBytes: 5, mode: "0600" })).maxBytes).toBe(5);
  expect((await machine.files.downloadUrl("/f", { expiresInSeconds: 9 })).method).toBe("GET");
  expect((await machine.createSshAccess("ssh-ed25519 A", { ttlSeconds: 60 })).hostKey).toBe("k");
  const calls = server.requests.slice(1).map(({ method, url, body }) => `${method} ${url} ${body}`);
  expect(calls).toEqual([
    "GET /v1/machines/mch_1/uploads ",
    "DELETE /v1/machines/mch_1/uploads/upl_1 ",
    'POST /v1/machines/mch_1/files/upload-url {"path":"/f","max_bytes":5,"mode":"0600"}',
    'POST /v1/machines/mch_1/files/download-url {"path":"/f","expires_in_seconds":9}',
    'POST /v1/machines/mch_1/ssh-access {"public_key":"ssh-ed25519 A","ttl_seconds":60}',
  ]);
});

it("text is looked for and replaced", async () => {
  const changed = { files: [{ path: "/a", replacements: 2 }], replacements: 2, dry_run: true };
  await using server = await WireServer.start(
    json(200, MACHINE),
    json(200, { matches: [{ path: "/a", line: 1, text: "one" }], truncated: false }),
    json(200, { ...changed, truncated: false }),
  );
  const { files } = await machineAt(server);
  expect((await files.search("/", { text: "one", caseSensitive: false })).matches[0]?.line).toBe(1);
  expect((await files.replace("/", "one", "1", { name: "*.txt", dryRun: true })).dryRun).toBe(true);
  expect(server.requests.slice(1).map(({ url, body }) => `${url} ${body}`)).toEqual([
    '/v1/machines/mch_1/files/search {"path":"/","text":"one","case_sensitive":false}',
    '/v1/machines/mch_1/files/replace {"path":"/","text":"one","replacement":"1","name":"*.txt","dry_run":true}',
  ]);
});
