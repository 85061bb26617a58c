import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, MAX_BODY_BYTES } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../../../testing/eventually.ts";
import { TEST_KEY, testApp, type TestApp } from "../../../../testing/test-app.ts";

let api: TestApp;
let vm: string;

beforeEach(async () => {
  api = await testApp({ config: { streamHeartbeatMs: 20 } });
  vm = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
});

afterEach(() => api[Symbol.asyncDispose]());

const write = (path: string, payload: string | Buffer, more = "") =>
  api.call(`PUT /v1/vms/${vm}/files/content?path=${encodeURIComponent(path)}${more}`, undefined, { payload });
const stat = (path: string) => api.call(`GET /v1/vms/${vm}/files/stat?path=${encodeURIComponent(path)}`);

describe("a file", () => {
  test("is written, told of, read, moved and removed", async () => {
    const odd = "/root/a b/ü\n?#%2F&.txt";
    const written = await write(odd, "one", "&mode=640");
    expect(written.status, written.text).toBe(200);
    expect(written.body).toMatchObject({
      path: odd,
      name: "ü\n?#%2F&.txt",
      type: "file",
      sizeBytes: 3,
      mode: "0640",
    });
    expect((await stat(odd)).body).toEqual(written.body);
    const content = await api.call(`GET /v1/vms/${vm}/files/content?path=${encodeURIComponent(odd)}`);
    expect([content.text, content.headers["content-type"]]).toEqual(["one", "application/octet-stream"]);
    const moved = await api.call(`POST /v1/vms/${vm}/files/rename`, { path: odd, newPath: "moved" });
    expect(moved.body).toMatchObject({ path: "/root/moved", mode: "0640" });
    expect(
      (await api.call(`POST /v1/vms/${vm}/files/set-mode`, { path: "moved", mode: "0600" })).body.mode,
    ).toBe("0600");
    expect((await api.call(`POST /v1/vms/${vm}/files/remove`, { path: "moved" })).status).toBe(204);
    expect((await stat("/root/moved")).body).toMatchObject({ code: "file_not_found", field: "path" });
  });

  test.each(["application/json", "application/octet-stream", "text/plain", undefined])(
    "of %s is bytes, and may be larger than any other body",
    async (type) => {
      const payload = Buffer.alloc(MAX_BODY_BYTES + 1, "{");
      const { port } = await listening();
      const sent = request({
        method: "PUT",
        port,
        path: `/v1/vms/${vm}/files/content?path=/root/big`,
        headers: { "x-api-key": TEST_KEY, ...(type === undefined ? {} : { "content-type": type }) },
      });
      sent.end(payload);
      const [answer] = await once(sent, "response");
      expect(answer.statusCode).toBe(200);
      answer.resume();
      expect((await stat("/root/big")).body.sizeBytes).toBe(payload.length);
    },
  );

  test("may be empty", async () => {
    expect((await write("/root/empty", "")).body.sizeBytes).toBe(0);
    expect((await api.call(`GET /v1/vms/${vm}/files/content?path=empty`)).text).toBe("");
  });

  test("whose client breaks off is not there, and nobody's failure", async () => {
    const { port } = await listening();
    const headers = { "x-api-key": TEST_KEY, "content-length": "10" };
    const sent = request({
      method: "PUT",
      port,
      path: `/v1/vms/${vm}/files/content?path=/root/half`,
      headers,
    });
    sent.on("error", () => undefined);
    sent.write("half");
    await eventually(() => expect(api.worker.calls.at(-1)?.method).toBe("writeFile"));
    sent.destroy();
    await eventually(async () => expect((await stat("/root/half")).status).toBe(404));
    expect(api.log.entries.filter(({ level }) => level !== "info")).toEqual([]);
  });

  test("that is refused is answered before it is sent", async () => {
    const { port } = await listening();
    api.worker.failNext("writeFile", new FastvmError("is_a_directory", "EISDIR", { field: "path" }));
    const headers = { "x-api-key": TEST_KEY, "content-length": String(2 ** 40) };
    const sent = request({ method: "PUT", port, path: `/v1/vms/${vm}/files/content?path=/root`, headers });
    sent.on("error", () => undefined);
    sent.write("the first of a terabyte");
    const [answer] = await once(sent, "response");
    expect([answer.statusCode, answer.headers.connection]).toEqual([409, "close"]);
    sent.destroy();
  });
});

describe("of a file without end no more is taken than the other side takes", () => {
  const PIECE = Buffer.alloc(65_536);
  /** Sockets and streams hold some; what grows without end is never found to stand still. */
  const MOST_PIECES = 1024;
  let taken: number;

  async function* endless(): AsyncGenerator<Uint8Array> {
    for (taken = 0; ; taken += 1) yield PIECE;
  }

  const standsStill = () =>
    eventually(async () => {
      const before = taken;
      await sleep(50);
      expect(taken).toBe(before);
      expect(taken).toBeGreaterThan(0);
    });

  test("by a client that does not read", async () => {
    api.worker.readFile = async () => endless();
    const { port } = await listening();
    const path = `/v1/vms/${vm}/files/content?path=x`;
    const asked = request({ port, path, headers: { "x-api-key": TEST_KEY } }).end();
    asked.on("error", () => undefined);
    const [answer] = await once(asked, "response");
    await standsStill();
    expect(taken).toBeLessThan(MOST_PIECES);
    answer.on("error", () => undefined).destroy();
  });

  test("by a guest that does not", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    api.worker.writeFile = async (_vmId, _path, content) => {
      await content[Symbol.asyncIterator]().next();
      await promise;
    };
    const { port } = await listening();
    const path = `/v1/vms/${vm}/files/content?path=x`;
    const sent = request({ method: "PUT", port, path, headers: { "x-api-key": TEST_KEY } });
    sent.on("error", () => undefined);
    Readable.from(endless()).pipe(sent);
    await standsStill();
    expect(taken).toBeLessThan(MOST_PIECES);
    sent.destroy();
    resolve();
  });
});

describe("a folder", () => {
  test("is made once, and listed", async () => {
    expect(
      (await api.call(`POST /v1/vms/${vm}/files/make-dir`, { path: "d", mode: "0700" })).body,
    ).toMatchObject({
      path: "/root/d",
      type: "directory",
      mode: "0700",
    });
    expect((await api.call(`POST /v1/vms/${vm}/files/make-dir`, { path: "d" })).body.code).toBe(
      "file_exists",
    );
    for (const name of ["b", "a", "c/x"]) await write(`/root/d/${name}`, "x");
    const list = async (more: string) => {
      const { body } = await api.call(`GET /v1/vms/${vm}/files?path=d${more}`);
      return [body.entries.map(({ name }: { name: string }) => name), body.hasMore];
    };
    expect(await list("")).toEqual([["a", "b", "c"], false]);
    expect(await list("&depth=2&limit=3")).toEqual([["a", "b", "c"], true]);
    expect(await list("&depth=2&after=/root/d/c")).toEqual([["x"], false]);
    expect((await api.call(`POST /v1/vms/${vm}/files/remove`, { path: "d" })).body.code).toBe(
      "folder_not_empty",
    );
    expect((await api.call(`POST /v1/vms/${vm}/files/remove`, { path: "d", recursive: true })).status).toBe(
      204,
    );
  });

  test("is watched: the head comes before the first event, and a line tells why it ends", async () => {
    await api.call(`POST /v1/vms/${vm}/files/make-dir`, { path: "w" });
    const { port } = await listening();
    const asked = request({
      port,
      path: `/v1/vms/${vm}/files/watch?path=w`,
      headers: { "x-api-key": TEST_KEY },
    });
    asked.end();
    const [answer] = await once(asked, "response");
    expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    let text = "";
    answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await write("/root/w/x", "x");
    await eventually(() => expect(text).toMatch(/\n\n/));
    const events = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
    expect(events).toEqual([
      { type: "create", path: "/root/w/x" },
      { type: "write", path: "/root/w/x" },
    ]);
    asked.destroy();
  });
});

test.each([
  ["GET", "", "path"],
  ["GET", "?path=", "path"],
  ["GET", "?path=/x&depth=-1", "depth"],
  ["GET", "?path=/x&limit=0", "limit"],
  ["GET", "?path=/x&limit=10001", "limit"],
  ["GET", "/stat?path=%00", "path"],
  ["GET", `/stat?path=/${"x".repeat(4096)}`, "path"],
  ["GET", "/stat?path=/x&followLinks=maybe", "followLinks"],
  ["PUT", "/content?path=/x&mode=888", "mode"],
  ["PUT", "/content", "path"],
])("%s …/files%s names the field that is wrong: %s", async (method, rest, field) => {
  const { status, body } = await api.call(`${method} /v1/vms/${vm}/files${rest}`);
  expect([status, body.code, body.field]).toEqual([400, "invalid_request", field]);
});

test("a folder that is not there is not watched", async () => {
  const { status, body } = await api.call(`GET /v1/vms/${vm}/files/watch?path=none`);
  expect([status, body.code]).toEqual([404, "file_not_found"]);
});

test("of a paused VM nothing is reached, as for commands", async () => {
  await write("/root/x", "x");
  await api.call(`POST /v1/vms/${vm}/pause`);
  for (const route of [
    `GET /v1/vms/${vm}/files?path=/root`,
    `GET /v1/vms/${vm}/files/content?path=x`,
    `PUT /v1/vms/${vm}/files/content?path=x`,
  ]) {
    expect((await api.call(route)).body.code, route).toBe("vm_wrong_state");
  }
});

async function listening(): Promise<AddressInfo> {
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  return api.app.server.address() as AddressInfo;
}
