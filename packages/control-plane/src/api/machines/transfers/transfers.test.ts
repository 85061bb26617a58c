/** Transfers of single files by URLs that are themselves the permission. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { vmIdOf } from "../ids.ts";

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

const FORBIDDEN = { status: 403, code: "forbidden" };

interface Signed {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
}

const ROUTES = {
  upload: () => `POST /v1/machines/${id}/files/upload-url`,
  download: () => `POST /v1/machines/${id}/files/download-url`,
} as const;
const sign = (way: keyof typeof ROUTES, rest: object = {}): Promise<Signed> =>
  api.ok(ROUTES[way](), { path: "/srv/file", ...rest });

/** As somebody does it who has the URL and nothing else. */
async function use({ url, method, headers }: Signed, payload?: string) {
  const { pathname, search } = new URL(url);
  const answer = await api.fastvm.app.inject({
    method: method as "GET" | "PUT",
    url: pathname + search,
    headers,
    ...(payload === undefined ? {} : { payload }),
  });
  const code = answer.statusCode < 300 ? "" : answer.json<{ code: string }>().code;
  return { status: answer.statusCode, code, text: answer.payload, headers: answer.headers };
}

test("a file is written and read by who has no key", async () => {
  const upload = await sign("upload", { mode: "0600", max_bytes: 5 });
  expect(upload).toMatchObject({ method: "PUT", path: "/srv/file", max_bytes: 5 });
  expect((await use(upload, "words")).status).toBe(200);
  expect(await api.ok(`GET /v1/machines/${id}/files/info?path=/srv/file`)).toMatchObject({ mode: "0600" });
  const download = await sign("download");
  expect(download).toMatchObject({ method: "GET", headers: {}, max_bytes: null });
  const answer = await use(download);
  expect(answer).toMatchObject({ status: 200, text: "words" });
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
});

test("a URL is good for its method, its size and its time", async () => {
  const upload = await sign("upload", { max_bytes: 4, expires_in_seconds: 60 });
  const download = await sign("download", { expires_in_seconds: 60 });
  expect(await use({ ...upload, method: "GET" })).toMatchObject(FORBIDDEN);
  expect(await use({ ...download, method: "PUT" }, "x")).toMatchObject(FORBIDDEN);
  expect(await use(upload, "words")).toMatchObject({ status: 413 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  for (const signed of [upload, download]) {
    const answer = await use(signed, signed === upload ? "x" : undefined);
    expect(answer).toMatchObject(FORBIDDEN);
    expect(answer.text).toContain("expired");
  }
});

test("a URL opens its own machine alone, and only as it was signed", async () => {
  await use(await sign("upload"), "words");
  const { url } = await sign("download");
  const { id: other } = await api.ok("POST /v1/machines", {});
  const theirs = await api.ok("POST /v1/machines", {}, { key: api.otherKey });
  const here = String(vmIdOf(id)).replaceAll("-", "");
  const changed = [
    ...[other, theirs.id].map((machine) => url.replace(here, String(vmIdOf(machine)).replaceAll("-", ""))),
    url.slice(0, -3),
    url.replace("fvx_", "fvs_"),
    url.replace(/token=.*/, "token=fvx_"),
    url.replace(/token=.*/, "token=a&token=b"),
    url.replace(here, "x"),
    url.replace(/\?.*/, ""),
  ];
  for (const each of changed) {
    expect(await use({ url: each, method: "GET", headers: {} }), each).toMatchObject(FORBIDDEN);
  }
  expect(await use({ url, method: "GET", headers: {} })).toMatchObject({ status: 200, text: "words" });
});

test("a machine that sleeps is not woken, one that is gone is no more", async () => {
  const upload = await sign("upload");
  await api.ok(`POST /v1/machines/${id}/hibernate`);
  expect(await use(upload, "x")).toMatchObject({ status: 409, code: "machine_not_ready" });
  const { id: next } = await api.ok(`POST /v1/machines/${id}/resume`);
  expect((await use(upload, "x")).status).toBe(200);
  await api.ok(`DELETE /v1/machines/${next}`);
  expect(await use(upload, "x")).toMatchObject(FORBIDDEN);
});

test("the permission is in no log, whatever fails", async () => {
  const download = await sign("download");
  expect(await use(download)).toMatchObject({ status: 404, code: "file_not_found" });
  await sign("download", { path: "/srv" });
  expect(JSON.stringify(api.fastvm.log.entries)).not.toContain("fvx_");
});

test.each([
  [{ path: "relative" }, "path"],
  [{ path: "/workspace/.nullspace/x" }, "path"],
  [{ expires_in_seconds: 0 }, "expires_in_seconds"],
  [{ expires_in_seconds: 86_401 }, "expires_in_seconds"],
])("%j is refused", async (rest, field) => {
  for (const route of [ROUTES.upload(), ROUTES.download()]) {
    const answer = await api.call(route, { path: "/srv/file", ...rest });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field } });
  }
});
