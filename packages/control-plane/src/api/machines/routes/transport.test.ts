/** What holds for every operation: keys, base path, errors, field masks, lists and pages, keys of orders. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeImages } from "../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

let api: MachinesApp;

beforeEach(async () => {
  api = await machinesApp({ images: FakeImages.of("python:3.13") });
});
afterEach(() => api[Symbol.asyncDispose]());

describe("the key", () => {
  test("comes as a bearer's, and in no other header", async () => {
    const elsewhere = { key: null, headers: { "x-api-key": api.key } };
    expect((await api.call("GET /nullspace/v1/machines", undefined, elsewhere)).status).toBe(401);
    expect((await api.call("GET /nullspace/v1/machines")).status).toBe(200);
    expect((await api.call("GET /v1/machines")).status).toBe(200);
  });

  test("says whose a path is that both APIs have; without one FastVM answers", async () => {
    expect(await api.ok("GET /v1/snapshots")).toEqual({ snapshots: [] });
    expect((await api.fastvm.call("GET /v1/snapshots")).body).toEqual([]);
    const nobody = await api.fastvm.call("GET /v1/snapshots", undefined, { key: null });
    expect(nobody).toMatchObject({ status: 401, body: { hint: expect.stringContaining("X-API-Key") } });
  });

  test("of machines opens nothing of FastVM", async () => {
    const answer = await api.fastvm.call("GET /v1/vms", undefined, { key: api.key });
    expect(answer.status).toBe(401);
  });
});

describe("an error", () => {
  test("is flat, and has its code, whether to try again, what to do and the request's name", async () => {
    const headers = { "x-request-id": "req_of-mine" };
    const id = "mch_0123456789abcdef0123456789abcdef";
    const { status, body } = await api.call(`GET /v1/machines/${id}`, undefined, { headers });
    expect(status).toBe(404);
    expect(body).toEqual({
      error: body.message,
      code: "machine_not_found",
      message: expect.stringContaining(id),
      retryable: false,
      suggested_action: expect.any(String),
      field: "machine_id",
      request_id: "req_of-mine",
    });
  });

  test("of a path that is no route is this API's below the base path, whoever asks", async () => {
    const answer = await api.call("GET /nullspace/v1/nowhere", undefined, { key: null });
    expect(answer).toMatchObject({
      status: 404,
      body: { code: "not_found", request_id: expect.any(String) },
    });
  });

  test("that passes says so, and when to try again", async () => {
    await using full = await machinesApp({ config: { maxQueuedVms: 0 } });
    full.fastvm.worker.memoryMib = 300;
    await full.ok("POST /v1/machines", {});
    const answer = await full.call("POST /v1/machines", {});
    expect(answer).toMatchObject({ status: 503, body: { code: "capacity_exceeded", retryable: true } });
    expect(answer.headers["retry-after"]).toBe("5");
  });

  test.each([
    ["POST /v1/machines", { templat: "base" }, "templat"],
    ["POST /v1/machines", { vcpus: "1" }, "vcpus"],
    ["POST /v1/machines", { memory_mb: 1 }, "memory_mb"],
    ["GET /v1/machines?limit=0", undefined, "limit"],
    ["GET /v1/machines?limit=101", undefined, "limit"],
    ["GET /v1/machines?state=asleep", undefined, "state"],
    ["GET /v1/machines?metadata=%5B%5D", undefined, "metadata"],
    ["GET /v1/machines?next_token=x", undefined, "next_token"],
  ])("%s with %j names the field %s", async (route, body, field) => {
    expect(await api.call(route, body)).toMatchObject({
      status: 400,
      body: { code: "invalid_request", field },
    });
  });
});

describe("a field mask", () => {
  test("leaves the named fields of a machine and of a list, and no others", async () => {
    const { id } = await api.ok("POST /v1/machines", { metadata: { team: "a" } });
    expect(await api.ok(`GET /v1/machines/${id}?fields=id,status`)).toEqual({ id, status: "running" });
    expect(await api.ok("GET /v1/machines?fields=metadata")).toEqual({
      machines: [{ metadata: { team: "a" } }],
      next_token: null,
    });
  });

  test.each(["name", "", "id,,status", "constructor"])("with %j is refused", async (fields) => {
    const answer = await api.call(`GET /v1/machines?fields=${fields}`);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_fields" } });
  });
});

describe("the list of machines", () => {
  test("is bare when nothing is asked for, and else a page", async () => {
    const { id } = await api.ok("POST /v1/machines", {});
    expect((await api.ok("GET /v1/machines")).map((machine: { id: string }) => machine.id)).toEqual([id]);
    for (const query of ["limit=1", "state=running", "template=base", "metadata=%7B%7D", "fields=id"]) {
      const page = await api.ok(`GET /v1/machines?${query}`);
      expect(page, query).toMatchObject({ machines: [{ id }], next_token: null });
    }
  });

  test("is whole over its pages, whatever is made and destroyed meanwhile", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await api.ok("POST /v1/machines", {})).id);
    const first = await api.ok("GET /v1/machines?limit=2&fields=id");
    const seen: string[] = first.machines.map(({ id }: { id: string }) => id);
    await api.ok(`DELETE /v1/machines/${seen[1]}`);
    await api.ok("POST /v1/machines", {});
    let token: string | null = first.next_token;
    while (token !== null) {
      const page = await api.ok(`GET /v1/machines?limit=2&fields=id&next_token=${token}`);
      seen.push(...page.machines.map(({ id }: { id: string }) => id));
      token = page.next_token;
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  test("is filtered by state, template and metadata", async () => {
    const { id: paused } = await api.ok("POST /v1/machines", { metadata: { team: "a", tier: "1" } });
    const { id: running } = await api.ok("POST /v1/machines", {
      metadata: { team: "a" },
      template: "python:3.13",
    });
    await api.ok(`POST /v1/machines/${paused}/pause`);
    const both = expect.toSatisfy(
      (ids: string[]) => ids.length === 2 && ids.includes(paused) && ids.includes(running),
    );
    const found = async (query: string): Promise<string[]> =>
      (await api.ok(`GET /v1/machines?fields=id&${query}`)).machines
        .map(({ id }: { id: string }) => id)
        .toSorted();
    expect(await found("state=paused")).toEqual([paused]);
    expect(await found("state=paused,running")).toEqual(both);
    expect(await found("template=python:3.13")).toEqual([running]);
    expect(await found(`metadata=${encodeURIComponent('{"team":"a"}')}`)).toEqual(both);
    expect(await found(`metadata=${encodeURIComponent('{"team":"a","tier":"1"}')}`)).toEqual([paused]);
    expect(await found(`metadata=${encodeURIComponent('{"constructor":"a"}')}`)).toEqual([]);
  });
});

describe.each(TEST_STORES)("an order under a key, on $name", ({ open }) => {
  beforeEach(async () => {
    await api[Symbol.asyncDispose]();
    api = await machinesApp({ store: await open() });
  });

  const machines = async () => api.fastvm.store.vms.listAll();

  test("makes one machine of 50 that come at once, and all are answered the same", async () => {
    const orders = Array.from({ length: 50 }, () => api.ok("POST /v1/machines", { vcpus: 1 }, { once: "k" }));
    const answers = await Promise.all(orders);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await machines()).toHaveLength(1);
    expect(api.fastvm.worker.calls.filter(({ method }) => method === "launch")).toHaveLength(1);
  });

  test("is answered the same later, whatever has become of the machine", async () => {
    const first = await api.ok("POST /v1/machines", { metadata: { a: "1", b: "2" } }, { once: "k" });
    await api.ok(`POST /v1/machines/${first.id}/pause`);
    const reordered = { vcpus: null, metadata: { b: "2", a: "1" } };
    expect(await api.ok("POST /v1/machines", reordered, { once: "k" })).toEqual(first);
    await api.ok(`DELETE /v1/machines/${first.id}`);
    expect(await api.ok("POST /v1/machines", reordered, { once: "k" })).toEqual(first);
    expect(await machines()).toHaveLength(0);
  });

  test("with another body, for another operation or another machine is a conflict", async () => {
    const { id } = await api.ok("POST /v1/machines", {}, { once: "k" });
    const { id: second } = await api.ok("POST /v1/machines", {}, { once: "fork-me" });
    await api.ok(`POST /v1/machines/${id}/fork`, {}, { once: "f" });
    for (const [route, body, once] of [
      ["POST /v1/machines", { vcpus: 2 }, "k"],
      [`POST /v1/machines/${id}/fork`, {}, "k"],
      [`POST /v1/machines/${second}/fork`, {}, "f"],
      [`POST /v1/machines/${id}/snapshots`, {}, "f"],
    ] as const) {
      const answer = await api.call(route, body, { once });
      expect(answer, route).toMatchObject({
        status: 409,
        body: { code: "conflict", field: "Idempotency-Key" },
      });
    }
    expect(await machines()).toHaveLength(3);
  });

  test("is of its organisation alone", async () => {
    const { id } = await api.ok("POST /v1/machines", {}, { once: "k" });
    const other = await api.ok("POST /v1/machines", { vcpus: 2 }, { once: "k", key: api.otherKey });
    expect(other.id).not.toBe(id);
  });

  test("that was refused before anything was made may come again", async () => {
    api.fastvm.worker.failNext("launch", new Error("broken"));
    expect((await api.call("POST /v1/machines", {}, { once: "k" })).status).toBe(500);
    const { id } = await api.ok("POST /v1/machines", {}, { once: "k" });
    expect(await api.ok("POST /v1/machines", {}, { once: "k" })).toMatchObject({ id, status: "running" });
    expect(await machines()).toHaveLength(1);
  });

  test("makes one fork and one snapshot", async () => {
    const { id } = await api.ok("POST /v1/machines", {});
    for (const [path, count] of [
      ["fork", () => api.fastvm.worker.vms.size - 1],
      ["snapshots", () => api.fastvm.worker.snapshots.size],
    ] as const) {
      const orders = Array.from({ length: 10 }, () =>
        api.ok(`POST /v1/machines/${id}/${path}`, {}, { once: path }),
      );
      const answers = await Promise.all(orders);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(count(), path).toBe(1);
    }
  });

  test.each(["", " ", "x".repeat(256)])("under the key %j is refused", async (once) => {
    const answer = await api.call("POST /v1/machines", {}, { once });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});
