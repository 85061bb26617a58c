/** Who changed what, and who tried to: by every API, also what failed, and nothing secret. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { createKey } from "../../../../engine/keys/api-keys.ts";
import { OTHER_KEY, TEST_KEY, testApp, type TestApp } from "../../../../testing/test-app.ts";

let api: TestApp;

beforeEach(async () => {
  api = await testApp({ config: { pruneEveryMs: 10, maxAuditEntries: 20 } });
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

async function audit(query = "") {
  const { status, body } = await api.call(`GET /v1/audit${query}`);
  expect(status).toBe(200);
  return body.entries;
}

async function launched(body: object = {}) {
  return (await api.call("POST /v1/vms", { machineType: "c1m2", ...body })).body;
}

describe("the audit", () => {
  test("has also what came by a connection that tells no address, as one that has ended does not", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-audit-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "socket");
    await api.app.listen({ path });
    const headers = { "x-api-key": TEST_KEY, "content-type": "application/json" };
    const asked = request({ socketPath: path, path: "/v1/vms", method: "POST", headers });
    asked.end(JSON.stringify({ machineType: "c1m2", name: "dev" }));
    await once(asked, "response");
    expect(await audit()).toMatchObject([{ operation: "launchVm", address: "" }]);
    asked.destroy();
  });

  test("has key, address, request, and what was before and after of a VM's life", async () => {
    const vm = await launched({ name: "dev", envVars: { PASSWORD: "hunter2" }, metadata: { team: "a" } });
    await api.call(
      `PATCH /v1/vms/${vm.id}`,
      { name: "prod" },
      { headers: { "x-request-id": "req-of-mine-1" } },
    );
    await api.call("POST /v1/vms/prod/pause");
    await api.call("DELETE /v1/vms/prod");
    const entries = await audit();
    const keys = (await api.call("GET /v1/org/keys")).body.map(({ id }: { id: string }) => id);
    expect(entries).toMatchObject([
      {
        id: 1,
        operation: "launchVm",
        method: "POST",
        path: "/v1/vms",
        status: 201,
        subject: vm.id,
        before: null,
      },
      {
        id: 2,
        operation: "updateVm",
        before: { name: "dev" },
        after: { name: "prod" },
        requestId: "req-of-mine-1",
      },
      { id: 3, operation: "pauseVm", path: "/v1/vms/prod/pause", subject: vm.id },
      { id: 4, operation: "deleteVm", before: { name: "prod", status: "paused" }, after: null },
    ]);
    expect(Object.keys(entries[1].before)).toEqual(["name"]);
    expect(entries[2].before).toMatchObject({ status: "running" });
    expect(entries[2].after).toMatchObject({ status: "paused" });
    for (const entry of entries)
      expect(entry).toMatchObject({ address: "127.0.0.1", api: "fastvm", keyId: expect.toBeOneOf(keys) });
    expect(JSON.stringify(entries)).not.toContain("hunter2");
  });

  test("has what failed and what was refused, and no questions", async () => {
    await api.call("GET /v1/vms");
    await api.call("DELETE /v1/vms/none");
    await api.call("POST /v1/vms", { machineType: 5 });
    const { key, id } = await createKey(api.store, api.orgId, { scopes: ["read"] }, { now: Date.now });
    await api.call("POST /v1/vms", {}, { key });
    expect(await audit()).toMatchObject([
      { operation: "deleteVm", status: 404, subject: "none" },
      { operation: "launchVm", status: 400 },
      { operation: "launchVm", status: 403, keyId: id },
    ]);
  });

  test("is asked for by VM, key, method, operation and number, in pages, by its organisation's admins alone", async () => {
    const [one, other] = [await launched(), await launched()];
    await api.call(`DELETE /v1/vms/${one.id}`);
    await api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY });
    const ids = (entries: readonly { id: number }[]) => entries.map(({ id }) => id);
    expect(ids(await audit(`?vm=${one.id}`))).toEqual([1, 3]);
    expect(ids(await audit(`?vm=${other.id}`))).toEqual([2]);
    expect(ids(await audit("?method=delete"))).toEqual([3]);
    expect(ids(await audit("?operation=launchVm&order=desc"))).toEqual([2, 1]);
    expect(ids(await audit("?after=1"))).toEqual([2, 3]);
    expect(await audit("?key=none")).toEqual([]);
    expect((await api.call("GET /v1/audit?limit=2")).body).toMatchObject({ hasMore: true });
    expect((await api.call("GET /v1/audit", undefined, { key: OTHER_KEY })).body.entries).toHaveLength(1);
    const { key } = await createKey(api.store, api.orgId, { scopes: ["manage"] }, { now: Date.now });
    expect((await api.call("GET /v1/audit", undefined, { key })).status).toBe(403);
  });

  test("shows nothing that is secret of keys, webhooks, logins and commands", async () => {
    const { body: key } = await api.call("POST /v1/org/keys", { name: "ci", scopes: ["read"] });
    await api.call(`DELETE /v1/org/keys/${key.id}`);
    const hook = {
      url: "https://user:pass-word@hooks.example/path?token=tok-en",
      secret: "a secret of sixteen",
    };
    await api.call("POST /v1/webhooks", hook);
    await api.call("PUT /v1/registries/registry.example", { username: "me", password: "pass-word" });
    const vm = await launched();
    await api.call(`POST /v1/vms/${vm.id}/exec`, { command: ["echo", "tok-en"], stdin: "cGFzcy13b3Jk" });
    const entries = await audit();
    expect(entries).toMatchObject([
      { operation: "createKey", subject: key.id, after: { name: "ci", scopes: ["read"] } },
      { operation: "deleteKey", before: { name: "ci" }, after: null },
      { operation: "createWebhook" },
      { operation: "setRegistry", subject: "registry.example" },
      { operation: "launchVm" },
      { operation: "execInVm", subject: vm.id, status: 200 },
    ]);
    for (const secret of [key.key, "pass-word", "tok-en", "a secret of sixteen", "cGFzcy13b3Jk"])
      expect(JSON.stringify(entries)).not.toContain(secret);
  });

  test("has what the other APIs change, under the ids of FastVM", async () => {
    const keyOf = async (of: "nullspace") =>
      (await createKey(api.store, api.orgId, { api: of }, { now: Date.now })).key;
    const headers = { authorization: `Bearer ${await keyOf("nullspace")}` };
    const made = await api.app.inject({ method: "POST", url: "/v1/machines", headers, payload: {} });
    const [vm] = (await api.call("GET /v1/vms")).body;
    await api.app.inject({
      method: "DELETE",
      url: `/v1/machines/${made.json<{ id: string }>().id}`,
      headers,
    });
    expect(await audit()).toMatchObject([
      { api: "nullspace", operation: "createMachine" },
      {
        api: "nullspace",
        operation: "destroyMachine",
        subject: vm.id,
        before: { status: "running" },
        after: null,
      },
    ]);
  });

  test("has what was done inside a VM, which did not wait to be written, for whoever asks next", async () => {
    const vm = await launched();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    for (let time = 0; time < 3; time++)
      expect((await api.call(`POST /v1/vms/${vm.id}/exec`, { command: ["true"] })).status).toBe(200);
    const written = await api.store.audit.find(api.orgId, {}, { order: "asc", limit: 10 });
    expect(written.map(({ operation }) => operation)).toEqual(["launchVm"]);
    expect((await audit()).map(({ operation }: { operation: string }) => operation)).toEqual([
      ...["launchVm", "execInVm", "execInVm", "execInVm"],
    ]);
  });

  test("keeps the newest alone, and their numbers", async () => {
    for (let time = 0; time < 25; time++) await api.call("DELETE /v1/vms/none");
    await expect.poll(async () => (await audit("?limit=1"))[0].id).toBe(6);
    expect((await audit("?limit=1000")).map(({ id }: { id: number }) => id)).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 6),
    );
  });

  test("does not hold up a change that it cannot write down, and the log tells", async () => {
    vi.spyOn(api.store, "transaction").mockRejectedValue(new Error("no room"));
    expect((await api.call("DELETE /v1/vms/none")).status).toBe(404);
    expect(JSON.stringify(api.log.entries)).toContain("changes were not written into the audit");
  });
});
