/** What a key may do, how long, how often; and keys that make keys. */
import { OPERATIONS, SCOPES, scopeOf, type Operation, type Scope } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createKey, type KeyOrder } from "../../../../engine/keys/api-keys.ts";
import { OTHER_KEY, testApp, type TestApp } from "../../../../testing/test-app.ts";

const MINUTE_MS = 60_000;
const KEYED = Object.entries(OPERATIONS as Record<string, Operation>).filter(([, { open }]) => open !== true);

let api: TestApp;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  api = await testApp();
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
  vi.useRealTimers();
});

function wait(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

async function keyWith(order: KeyOrder): Promise<string> {
  return (await createKey(api.store, api.orgId, order, { now: Date.now })).key;
}

function routeOf({ method, path }: Operation): string {
  return `${method} ${path.replaceAll(/\{\w+\}/g, "none")}`;
}

describe("a key", () => {
  test.each(SCOPES)(
    "with %s alone is refused what takes another scope, before its body is read",
    async (scope) => {
      const key = await keyWith({ scopes: [scope] });
      for (const [id, operation] of KEYED) {
        const { status, body } = await api.call(routeOf(operation), undefined, { key, payload: "{" });
        const needed = scopeOf(operation);
        const may = scope !== "metrics" && SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
        expect([id, body?.code === "insufficient_scope"]).toEqual([id, !may]);
        if (!may) expect([id, status]).toEqual([id, 403]);
      }
    },
  );

  test("needs `run` for what works in a VM, by whatever method, and `read` to see records", () => {
    const of = (id: keyof typeof OPERATIONS): Scope => scopeOf(OPERATIONS[id]);
    expect([of("execInVm"), of("readFile"), of("createConsoleToken"), of("presignFile")]).toEqual(
      Array.from({ length: 4 }, () => "run"),
    );
    expect([of("listVms"), of("getVmLogs"), of("launchVm"), of("deleteVm"), of("listKeys")]).toEqual([
      "read",
      "read",
      "manage",
      "manage",
      "admin",
    ]);
  });

  test("opens nothing once it has expired", async () => {
    const key = await keyWith({ expiresAt: Date.now() + MINUTE_MS });
    expect((await api.call("GET /v1/vms", undefined, { key })).status).toBe(200);
    wait(MINUTE_MS);
    expect((await api.call("GET /v1/vms", undefined, { key })).status).toBe(401);
  });

  test("is known to have been used, to the minute", async () => {
    const key = await keyWith({ name: "ci" });
    const usedAt = async (): Promise<string | undefined> =>
      (await api.call("GET /v1/org/keys")).body.find(({ name }: { name?: string }) => name === "ci")
        .lastUsedAt;
    expect(await usedAt()).toBeUndefined();
    await api.call("GET /v1/vms", undefined, { key });
    const first = await usedAt();
    expect(first).toBe(new Date(Date.now()).toISOString());
    wait(MINUTE_MS - 1);
    await api.call("GET /v1/vms", undefined, { key });
    expect(await usedAt()).toBe(first);
    wait(1);
    await api.call("GET /v1/vms", undefined, { key });
    expect(await usedAt()).toBe(new Date(Date.now()).toISOString());
  });

  test("with a rate is told what is left of its minute, and refused beyond it, for its own requests alone", async () => {
    const key = await keyWith({ requestsPerMinute: 2 });
    const ask = async () => {
      const { status, headers, body } = await api.call("GET /v1/vms", undefined, { key });
      const [limit, left, reset] = ["limit", "remaining", "reset"].map(
        (name) => headers[`ratelimit-${name}`],
      );
      return { status, code: body.code, limit, left, reset, retryAfter: headers["retry-after"] };
    };
    expect(await ask()).toMatchObject({ status: 200, limit: "2", left: "1", reset: "60" });
    wait(MINUTE_MS / 2);
    expect(await ask()).toMatchObject({ status: 200, left: "0", reset: "30" });
    const over = { status: 429, code: "too_many_requests", left: "0", retryAfter: "30" };
    expect(await ask()).toMatchObject(over);
    expect((await api.call("GET /v1/vms")).headers).not.toHaveProperty("ratelimit-limit");
    wait(MINUTE_MS / 2);
    expect(await ask()).toMatchObject({ status: 200, left: "1" });
  });
});

describe("a key with `admin`", () => {
  test("makes keys of its organisation, sees them without what is secret, and revokes them", async () => {
    const order = { name: " ci\n", scopes: ["read", "run"], api: "nullspace", requestsPerMinute: 600 };
    const made = await api.call("POST /v1/org/keys", order);
    expect(made.status).toBe(201);
    const { key, ...listed } = made.body;
    expect(listed).toMatchObject({ ...order, name: "ci", orgId: api.orgId });
    expect(key).toMatch(/^ns_live_/);
    expect((await api.call("GET /v1/org/keys")).body).toContainEqual(listed);
    expect((await api.call(`DELETE /v1/org/keys/${listed.id}`, undefined, { key: OTHER_KEY })).status).toBe(
      404,
    );
    expect((await api.call(`DELETE /v1/org/keys/${listed.id}`)).status).toBe(200);
    expect((await api.call(`DELETE /v1/org/keys/${listed.id}`)).status).toBe(404);
    expect(JSON.stringify((await api.call("GET /v1/org/keys")).body)).not.toContain(listed.id);
  });

  test("gives nobody the host's figures, and no key that outlives it", async () => {
    expect((await api.call("POST /v1/org/keys", { scopes: ["read", "metrics"] })).body).toMatchObject({
      code: "insufficient_scope",
    });
    const expiresAt = Date.now() + MINUTE_MS;
    const key = await keyWith({ scopes: ["admin"], expiresAt });
    const later = new Date(expiresAt + MINUTE_MS).toISOString();
    for (const body of [{}, { expiresAt: later }]) {
      const made = await api.call("POST /v1/org/keys", body, { key });
      expect(made.body.expiresAt).toBe(new Date(expiresAt).toISOString());
    }
  });

  test.each([
    [{ scope: ["read"] }, "scopes"],
    [{ expires_at: "2030-01-01T00:00:00Z" }, "expiresAt"],
    [{ requestPerMinute: 5 }, "requestsPerMinute"],
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["all"] }, "scopes"],
    [{ requestsPerMinute: 0 }, "requestsPerMinute"],
    [{ expiresAt: "tomorrow" }, "expiresAt"],
    [{ expiresAt: "1999-01-01T00:00:00Z" }, "expiresAt"],
  ])("makes none of %j", async (body, name) => {
    const { status, text } = await api.call("POST /v1/org/keys", body);
    expect(status).toBe(400);
    expect(text).toContain(name);
  });
});
