/** Grants of previews as their owner sees them; what they open is tested where the proxy is. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { containsCredential } from "@fastvm/contract";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";
import type { FakeWorker } from "../../../../testing/fake-worker.ts";

let api: MachinesApp;
let id: string;

beforeAll(async () => {
  api = await machinesApp();
}, 60_000);
beforeEach(async () => {
  ({ id } = await api.ok("POST /v1/machines", {}));
});
afterAll(() => api[Symbol.asyncDispose]());

const sign = (body: object = {}, port = 8080) =>
  api.ok(`POST /v1/machines/${id}/ports/${port}/signed-preview-url`, body);
const list = async (query = "") => (await api.ok(`GET /v1/machines/${id}/preview-urls${query}`)).items;
const hex = (): string => id.slice("mch_".length);

describe("a signed URL", () => {
  test("names the machine and not its execution, with a token of its own for each kind of request", async () => {
    const made = await sign({ expires_in_seconds: 60 });
    const host = `8080-${hex()}.proxy.localhost`;
    const { url, websocket_url, path_url, path_websocket_url } = made;
    expect(url).toMatch(new RegExp(`^http://${host}:?\\d*/\\?edge_token=fve_[\\w-]{43}$`));
    expect(websocket_url).toMatch(new RegExp(`^ws://${host}:?\\d*/\\?edge_token=fvew_[\\w-]{43}$`));
    expect(path_url).toContain(`/__ns-edge/machines/mch_${hex()}/ports/8080/?edge_token=fve_`);
    expect(path_websocket_url).toMatch(/^ws:.*edge_token=fvew_/);
    expect(made.access_token_transport).toBe("query");
    const lasts = Date.parse(made.grant.expires_at) - Date.parse(made.grant.issued_at);
    expect(lasts).toBe(60_000);
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    await api.ok(`POST /v1/machines/${id}/resume`);
    expect((await sign()).url.split("?")[0]).toBe(url.split("?")[0]);
  });

  test("is given with the host of a port, and to whoever reads it", async () => {
    const host = await api.ok(`POST /v1/machines/${id}/host`, { port: 8080 });
    expect(host.host).toMatch(new RegExp(`^8080-${hex()}\\.proxy\\.localhost`));
    expect(host.url.startsWith(`http://${host.host}/`)).toBe(true);
    const read = await api.ok(`GET /v1/machines/${id}/ports/8080/signed-preview-url`);
    expect(read.url).not.toBe(host.url);
    expect((await list()).map((grant: { id: string }) => grant.id)).toContain(read.grant.id);
  });

  test("leads where its client is: by path from another machine that has no name for us", async () => {
    const headers = { host: "192.0.2.7:8800" };
    const made = await api.ok(`GET /v1/machines/${id}/ports/8080/signed-preview-url`, undefined, { headers });
    expect(made.url).toBe(made.path_url);
    expect(made.url).toMatch(/^http:\/\/192\.0\.2\.7:8800\/__ns-edge\//);
  });

  test.each([[59], [86_401], [1.5], ["60"]])("does not last %j seconds", async (expires_in_seconds) => {
    const route = `POST /v1/machines/${id}/ports/8080/signed-preview-url`;
    expect((await api.call(route, { expires_in_seconds })).body.field).toBe("expires_in_seconds");
  });

  test.each(["22", "5900", "5999", "0", "65536", "http", "080"])("is not of port %s", async (port) => {
    for (const route of ["POST", "GET"].map(
      (method) => `${method} /v1/machines/${id}/ports/${port}/signed-preview-url`,
    )) {
      const answer = await api.call(route, route.startsWith("POST") ? {} : undefined);
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field: "port" } });
    }
    const inBody = /^0\d/.test(port) ? port : Number(port);
    expect((await api.call(`POST /v1/machines/${id}/host`, { port: inBody })).status).toBe(400);
  });
});

describe("a grant", () => {
  test("is listed by port, newest first, without its tokens; the database has their digests alone", async () => {
    const first = await sign();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1000 });
    const target = await api.ok(`POST /v1/machines/${id}/ports/9090/preview-proxy-target`, {});
    vi.useRealTimers();
    const grants = await list();
    expect(grants).toEqual([target.grant, first.grant]);
    expect(await list("?port=8080")).toEqual([first.grant]);
    expect(containsCredential(JSON.stringify(grants))).toBe(false);
    const { store } = api.fastvm;
    const tokens = [first.url, first.websocket_url].map((url: string) => url.split("edge_token=")[1] ?? "");
    for (const token of [...tokens, target.http_token, target.websocket_token]) {
      expect(await store.previewGrants.byToken(token)).toBeUndefined();
    }
  });

  test("is revoked once, and is shown for a day", async () => {
    const { grant } = await sign();
    const revoke = () => api.ok(`DELETE /v1/machines/${id}/preview-urls/${grant.id}`);
    const revoked = (await revoke()).grant;
    expect(revoked.revoked_at).not.toBeNull();
    expect((await revoke()).grant.revoked_at).toBe(revoked.revoked_at);
    expect(await list()).toMatchObject([{ id: grant.id, revoked_at: revoked.revoked_at }]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3_600_000 });
    const { grant: later } = await sign();
    vi.useRealTimers();
    expect((await list()).map((each: { id: string }) => each.id)).toEqual([later.id]);
  });

  test("of another machine, and one that is none, is not found", async () => {
    const { grant } = await sign();
    const { id: other } = await api.ok("POST /v1/machines", {});
    for (const path of [`${other}/preview-urls/${grant.id}`, `${id}/preview-urls/pvg_0`]) {
      const answer = await api.call(`DELETE /v1/machines/${path}`);
      expect(answer).toMatchObject({ status: 404, body: { code: "preview_grant_not_found" } });
    }
    expect(await list()).toMatchObject([{ revoked_at: null }]);
  });

  test("goes with its machine, and no fork has it", async () => {
    const { grant } = await sign();
    const { id: child } = await api.ok(`POST /v1/machines/${id}/fork`);
    expect((await api.ok(`GET /v1/machines/${child}/preview-urls`)).items).toEqual([]);
    await api.ok(`DELETE /v1/machines/${id}`);
    expect(await api.fastvm.store.previewGrants.list(grant.id, undefined)).toEqual([]);
  });

  test("of the default length gives way to newer ones, one of a chosen length never", async () => {
    const chosen = await sign({ expires_in_seconds: 3600 });
    await Promise.all(
      Array.from({ length: 510 }, () => api.ok(`POST /v1/machines/${id}/host`, { port: 80 })),
    );
    expect(await list("?port=80")).toHaveLength(500);
    expect(await list("?port=8080")).toMatchObject([{ id: chosen.grant.id }]);
  }, 60_000);
});

describe("a proxy target", () => {
  const make = (body: object = {}) =>
    api.call(`POST /v1/machines/${id}/ports/8080/preview-proxy-target`, body);

  test("has no secret in its URLs, and one for the header of each kind", async () => {
    const { body } = await make({ expires_in_seconds: 600, token_transport: "header" });
    expect(body).toMatchObject({
      port: 8080,
      token_header_name: "x-nullspace-preview-proxy-token",
      token_transport: "header",
      required_forwarded_headers: ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"],
      warnings: [],
      traffic_access_required: false,
      traffic_access_header_name: null,
    });
    expect(containsCredential(`${body.http_url} ${body.websocket_url}`)).toBe(false);
    expect(body.http_url).toMatch(/^http:.*\/\?__ns_preview_transport=header$/);
    expect(body.websocket_url).toMatch(/^ws:.*\/\?__ns_preview_transport=header$/);
    expect(body.http_token).not.toBe(body.websocket_token);
  });

  test("has what its transports need, and nothing else", async () => {
    const { body } = await make({ transports: ["websocket"] });
    expect(body).toMatchObject({ http_url: null, http_token: null });
    expect(body.grant.token_kinds).toEqual(["websocket"]);
    for (const transports of [[], ["ftp"], ["http", "http"]])
      expect((await make({ transports })).status).toBe(400);
    expect((await make({ token_transport: "query" })).status).toBe(400);
  });

  test("says what private traffic needs besides, unless that is not wanted", async () => {
    ({ id } = await api.ok("POST /v1/machines", { network: { allow_public_traffic: false } }));
    const { body } = await make();
    expect(body).toMatchObject({
      traffic_access_required: true,
      traffic_access_header_name: "x-nullspace-traffic-access-token",
      warnings: [expect.stringContaining("private")],
    });
    expect(containsCredential(JSON.stringify(body.warnings))).toBe(false);
    const silent = await make({ include_traffic_token_hint: false });
    expect(silent.body).toMatchObject({ traffic_access_required: true, traffic_access_header_name: null });
  });
});

describe("private traffic", () => {
  const PRIVATE = { network: { allow_public_traffic: false } };

  test("has its token in the answer to create, also to the same order, and nowhere else", async () => {
    const order = () => api.ok("POST /v1/machines", PRIVATE, { once: "private" });
    const made = await order();
    expect(made).toMatchObject({ allow_public_traffic: false });
    expect(made.traffic_access_token).toMatch(/^fvt_[\w-]{43}$/);
    expect(await order()).toEqual(made);
    expect((await api.ok(`GET /v1/machines/${made.id}`)).traffic_access_token).toBeNull();
    const { store, orgId } = api.fastvm;
    const kept = [await store.orderKeys.get(orgId, "private"), await store.vms.list(orgId, undefined)];
    expect(containsCredential(JSON.stringify(kept))).toBe(false);
  });

  test("is every machine's own: a fork and a restored one have theirs, a resumed one keeps it", async () => {
    const made = await api.ok("POST /v1/machines", PRIVATE);
    const child = await api.ok(`POST /v1/machines/${made.id}/fork`, {}, { once: "child" });
    expect(await api.ok(`POST /v1/machines/${made.id}/fork`, {}, { once: "child" })).toEqual(child);
    const { id: snapshot_id } = await api.ok(`POST /v1/machines/${made.id}/snapshots`);
    const restored = await api.ok("POST /v1/machines", { snapshot_id });
    const open = await api.ok("POST /v1/machines", { snapshot_id, network: { allow_public_traffic: true } });
    expect(open).toMatchObject({ allow_public_traffic: true, traffic_access_token: null });
    const tokens = [made, child, restored].map(({ traffic_access_token: token }) => token);
    expect(new Set(tokens).size).toBe(3);
    for (const token of tokens) expect(token).toMatch(/^fvt_/);
    await api.ok(`POST /v1/machines/${made.id}/hibernate`);
    expect((await api.ok(`POST /v1/machines/${made.id}/resume`)).traffic_access_token).toBeNull();
  });

  test("leaves no secret behind when its machine goes", async () => {
    const { id: gone } = await api.ok("POST /v1/machines", PRIVATE);
    const secrets = async () => (await api.fastvm.store.sealedValues.notBeginning("none")).length;
    const before = await secrets();
    expect(before).toBeGreaterThan(0);
    await api.ok(`DELETE /v1/machines/${gone}`);
    expect(await secrets()).toBe(before - 1);
  });
});

describe("readiness", () => {
  const ask = (body: object) => api.call(`POST /v1/machines/${id}/ports/8080/readiness`, body);

  test("is told as soon as somebody listens", async () => {
    const asked = ask({ kind: "tcp", timeout_seconds: 60, interval_ms: 100 });
    await expect.poll(() => dials()).toBeGreaterThan(1);
    api.fastvm.worker.echoPorts.add(8080);
    expect((await asked).body).toEqual({
      ...{ ready: true, route_ready: true, service_ready: true, kind: "tcp" },
      ...{ code: null, suggested_action: null },
    });
  });

  test("of a service that does not come is no failure", async () => {
    const answer = await ask({ kind: "http", timeout_seconds: 1, interval_ms: 100 });
    expect(answer).toMatchObject({
      status: 200,
      body: { ready: false, route_ready: true, service_ready: false, code: "preview_service_not_ready" },
    });
  });

  test("wakes nothing", async () => {
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    expect(await ask({ kind: "tcp" })).toMatchObject({ status: 409, body: { code: "machine_not_ready" } });
  });

  test.each([
    [{}, "kind"],
    [{ kind: "udp" }, "kind"],
    [{ kind: "tcp", timeout_seconds: 121 }, "timeout_seconds"],
    [{ kind: "tcp", interval_ms: 99 }, "interval_ms"],
    [{ kind: "http", path: "//x\r\ny" }, "path"],
    [{ kind: "http", path: "x" }, "path"],
  ])("is not asked for by %j", async (body, field) => {
    expect((await ask(body)).body).toMatchObject({ code: "invalid_request", field });
  });

  const dials = (): number =>
    (api.fastvm.worker satisfies FakeWorker).calls.filter(({ method }) => method === "dial").length;
});

test.each(["localhost:${PORT}", "app.example.com", "localhost:3000"])(
  "%s may stand for the host",
  async (host) => {
    const made = await api.ok("POST /v1/machines", { network: { mask_request_host: host } });
    expect(made.status).toBe("running");
  },
);

test.each(["a b", "x\r\ny", "http://x", "x/y", "${PORT}", "a@b"])(
  "%j may not stand for the host",
  async (host) => {
    const answer = await api.call("POST /v1/machines", { network: { mask_request_host: host } });
    expect(answer.body).toMatchObject({ code: "invalid_request", field: "network.mask_request_host" });
  },
);
