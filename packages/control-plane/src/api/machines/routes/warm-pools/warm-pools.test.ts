/** Warm pools: filled, checked out, drained, rolled out, and counted. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeImages } from "../../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";
import { matches } from "../../../fastvm/events/event-query.ts";
import { WEBHOOK_TELLER } from "../../../fastvm/webhooks/webhook-teller.ts";
import { vmIdOf } from "../../ids.ts";

const POOLS = "/v1/template-warm-pools";
const IMAGE = "docker.io/library/app:v1";
/** Waits for a condition, on whatever machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });

let api: MachinesApp;
let images: FakeImages;

beforeEach(async () => {
  images = FakeImages.of(IMAGE);
  api = await machinesApp({ images, config: { poolEveryMs: 10 } });
});
afterEach(() => api[Symbol.asyncDispose]());

const poolOf = async (rest: object = {}): Promise<string> =>
  (await api.ok(`POST ${POOLS}`, { name: "burst", min_ready: 3, ...rest })).id;

const read = async (id: string) => api.ok(`GET ${POOLS}/${id}`);
const readyIn = async (id: string): Promise<number> => (await read(id)).counts.ready;

async function filled(rest: object = {}, count = 3): Promise<string> {
  const id = await poolOf(rest);
  await soon(() => readyIn(id)).toBe(count);
  return id;
}

const create = (id: string, mode?: string, rest: object = {}) =>
  api.call("POST /v1/machines", { warm_pool: { id, ...(mode && { mode }) }, ...rest });

describe("a pool", () => {
  test("is made, read, changed and deleted", async () => {
    const order = { name: "a", template_ref: IMAGE, min_ready: 0, max_ready: 2, labels: { team: "x" } };
    const made = await api.ok("POST /v1/template-warm-pools", order, { once: "one" });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^twp_[0-9a-f]{32}$/),
      state: "enabled",
      template_ref: IMAGE,
      checkout_policy: "prefer",
      version_policy: "pinned_build",
      resources: { vcpus: 1, memory_mb: 256 },
      counts: { target: 0, ready: 0, claimed: 0 },
      conditions: [],
    });
    expect((await api.ok("POST /v1/template-warm-pools", order, { once: "one" })).id).toBe(made.id);
    await soon(async () => (await read(made.id)).resolved_template_build_id).toMatch(/^sha256:/);
    expect((await api.ok("GET /v1/template-warm-pools")).warm_pools).toMatchObject([
      { id: made.id, name: "a" },
    ]);
    const changed = await api.ok(`PATCH /v1/template-warm-pools/${made.id}`, {
      name: "b",
      max_ready: 5,
      labels: null,
    });
    expect(changed).toMatchObject({ name: "b", max_ready: 5, labels: { team: "x" } });
    const tooFew = await api.call(`PATCH ${POOLS}/${made.id}`, { min_ready: 6 });
    expect(tooFew).toMatchObject({ status: 400, body: { field: "max_ready" } });
    expect(await api.ok(`DELETE /v1/template-warm-pools/${made.id}`)).toEqual({ id: made.id, deleted: true });
    const gone = await api.call(`GET /v1/template-warm-pools/${made.id}`);
    expect(gone).toMatchObject({ status: 404, body: { code: "warm_pool_not_found" } });
    await soon(() => api.fastvm.store.warmPools.listAll()).toEqual([]);
  });

  test("fills itself with machines that no client sees or is told of", async () => {
    const id = await filled();
    expect(await api.ok("GET /v1/machines")).toEqual([]);
    expect((await api.fastvm.call("GET /v1/vms")).body).toEqual([]);
    expect((await api.ok("GET /v1/lifecycle")).events).toEqual([]);
    expect((await api.fastvm.call("GET /v1/events")).body).toMatchObject({ events: [], hasMore: false });
    const happened = await api.fastvm.store.events.after(api.fastvm.orgId, 0, 100);
    expect(happened.length).toBeGreaterThanOrEqual(6);
    expect(await WEBHOOK_TELLER.tell(api.fastvm.orgId, happened)).toEqual([]);
    expect(happened.filter((event) => matches({}, event))).toEqual([]);
    const [hidden] = [...api.fastvm.worker.vms.keys()];
    expect((await api.fastvm.call(`GET /v1/vms/${hidden}`)).status).toBe(404);
    expect((await api.call(`DELETE /v1/machines/mch_${hidden?.replaceAll("-", "")}`)).status).toBe(404);
    expect(await readyIn(id)).toBe(3);
  });

  test("that is drained, disabled or enabled does what that says", async () => {
    const id = await filled();
    const disabled = await api.ok(`POST /v1/template-warm-pools/${id}/disable`);
    expect(disabled).toMatchObject({ state: "disabled", conditions: [{ code: "controller_disabled" }] });
    expect((await create(id, "require")).body.code).toBe("warm_pool_unavailable");
    expect(await readyIn(id)).toBe(3);
    expect(await api.ok(`POST /v1/template-warm-pools/${id}/drain`)).toMatchObject({ state: "draining" });
    await soon(() => [...api.fastvm.worker.vms.keys()]).toEqual([]);
    expect((await create(id, "require")).body.code).toBe("warm_pool_unavailable");
    await api.ok(`POST /v1/template-warm-pools/${id}/enable`);
    await soon(() => readyIn(id)).toBe(3);
    const status = await api.ok(`GET /v1/template-warm-pools/${id}/status`);
    expect(status).toMatchObject({ state: "enabled", drain_requested_at: expect.any(String) });
    const { id: kept } = (await create(id, "require")).body;
    await api.ok(`DELETE ${POOLS}/${id}`);
    await soon(() => [...api.fastvm.worker.vms.keys()]).toEqual([vmIdOf(kept)]);
  });

  test("replaces what ended by itself, and what is stale", async () => {
    const id = await filled();
    const [first] = [...api.fastvm.worker.vms.keys()];
    if (first === undefined) throw new Error("there is no machine");
    api.fastvm.worker.emit({ kind: "vm_failed", vmId: first, reason: "it fell over" });
    await soon(async () => (await read(id)).counts).toMatchObject({ failed: 1, ready: 3 });
    await soon(async () => (await api.fastvm.store.vms.listAll()).length).toBe(3);
    const before = new Set(api.fastvm.worker.vms.keys());
    await api.ok(`PATCH ${POOLS}/${id}`, { stale_after_seconds: 1 });
    await soon(() => [...before].some((vm) => api.fastvm.worker.vms.has(vm))).toBe(false);
    await api.ok(`PATCH ${POOLS}/${id}`, { stale_after_seconds: 3600 });
    await soon(() => readyIn(id)).toBe(3);
    expect((await read(id)).counts.expired).toBeGreaterThanOrEqual(3);
  });

  test("ends what is more than it may have", async () => {
    const id = await filled();
    await api.ok(`PATCH ${POOLS}/${id}`, { min_ready: 1, max_ready: 1 });
    await soon(() => api.fastvm.worker.vms.size).toBe(1);
    await api.ok(`POST /v1/template-warm-pools/${id}/reconcile`);
    expect(await readyIn(id)).toBe(1);
  });

  test("follows its template by generations, or waits for the build that it is pinned to", async () => {
    const tracking = await filled({ template_ref: IMAGE, version_policy: "track_tag" });
    const pinned = await filled({ template_ref: IMAGE }, 3);
    const before = new Set(api.fastvm.worker.vms.keys());
    const old = (await read(tracking)).resolved_template_build_id;
    const digest = `sha256:${"ab".repeat(32)}`;
    const [held] = images.held.splice(0, 1);
    if (held === undefined) throw new Error("there is no image");
    images.held.push({ ...held, digest });
    await soon(() => read(tracking)).toMatchObject({
      rollout_generation: 2,
      resolved_template_build_id: digest,
      previous_resolved_template_build_id: old,
      counts: { ready: 3, draining: 0 },
    });
    await soon(async () => (await read(pinned)).conditions).toMatchObject([
      { code: "template_build_unavailable" },
    ]);
    expect(await readyIn(pinned)).toBe(3);
    expect([...before].filter((vm) => api.fastvm.worker.vms.has(vm))).toHaveLength(3);
    expect((await create(tracking, "require")).body.warm_pool_checkout).toMatchObject({ hit: true });
  });

  test("of a template that is not there says so, and one that cannot start waits longer each time", async () => {
    const missing = await poolOf({ template_ref: "nobody/has:it" });
    await soon(async () => (await read(missing)).conditions).toMatchObject([
      { code: "template_build_unavailable" },
    ]);
    await api.ok(`DELETE ${POOLS}/${missing}`);
    api.fastvm.worker.failNext("launch", new Error("it does not start"));
    const id = await poolOf({ min_ready: 1 });
    await soon(async () => (await read(id)).counts).toMatchObject({ failed: 1, ready: 1 });
    expect((await read(id)).conditions).toEqual([]);
  });

  test("takes no room that there is not, and does not wait for it", async () => {
    const { memoryMib } = await api.fastvm.worker.capacity();
    const id = await poolOf({ min_ready: 3, resources: { memory_mb: Math.floor(memoryMib / 2 / 2) * 2 } });
    await soon(async () => (await read(id)).conditions).toMatchObject([{ code: "no_eligible_hosts" }]);
    await soon(() => readyIn(id)).toBe(2);
    expect(await api.fastvm.store.vms.countQueued()).toBe(0);
    expect(await api.fastvm.store.vms.listAll()).toHaveLength(2);
  });
});

describe("a checkout", () => {
  test("gives a machine that runs what the order says, and the pool another", async () => {
    const id = await filled({ metadata: { of: "the pool" } });
    const rest = {
      metadata: { job: "7" },
      timeout_ms: 60_000,
      inactivity_timeout_ms: 50_000,
      ephemeral: true,
    };
    const answer = await create(id, "require", rest);
    const checkout = { source: "warm_pool", hit: true, id, mode: "require" };
    const shown = {
      status: "running",
      ephemeral: true,
      metadata: { job: "7" },
      inactivity_timeout_ms: 50_000,
    };
    expect(answer).toMatchObject({ status: 201, body: { ...shown, warm_pool_checkout: checkout } });
    const machine = answer.body.id;
    const now = await api.ok(`GET /v1/machines/${machine}`);
    expect(now).toMatchObject({ ...shown, timeout_ms: 60_000, timeout_action: "destroy" });
    expect(now.remaining_ms).toBeGreaterThan(0);
    expect(now).not.toHaveProperty("warm_pool_checkout");
    // Its worker ends it then.
    const { deadline } =
      (await api.fastvm.worker.inventory()).vms.find(({ vmId }) => vmId === vmIdOf(machine)) ?? {};
    expect(deadline?.action).toBe("delete");
    const { events } = await api.ok(`GET /v1/machines/${machine}/lifecycle?order=asc`);
    expect(
      events.map((event: { operation: string; status: string }) => `${event.operation} ${event.status}`),
    ).toEqual(["create requested", "create succeeded"]);
    await soon(async () => (await read(id)).counts).toMatchObject({ ready: 3, claimed: 1 });
    // It is one like any other: paused, resumed, destroyed, and never again the pool's.
    await api.ok(`POST /v1/machines/${machine}/pause`);
    await api.ok(`POST /v1/machines/${machine}/resume`);
    await api.ok(`DELETE /v1/machines/${machine}`);
    expect(await readyIn(id)).toBe(3);
  });

  test("that requires one of an empty pool fails at once, with nothing made and nothing reserved", async () => {
    const id = await poolOf({ min_ready: 0 });
    const usage = await api.fastvm.store.vms.usage(api.fastvm.orgId);
    const refused = await create(id, "require");
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(refused.body).toMatchObject({
      code: "warm_pool_unavailable",
      field: "warm_pool",
      retryable: false,
    });
    expect(await api.fastvm.store.vms.listAll()).toEqual([]);
    expect(await api.fastvm.store.vms.usage(api.fastvm.orgId)).toEqual(usage);
    expect(api.fastvm.worker.calls.filter(({ method }) => method === "launch")).toEqual([]);
    const fallen = await create(id, "prefer");
    expect(fallen.body.warm_pool_checkout).toEqual({ source: "cold", hit: false, id, mode: "prefer" });
    const policy = await create(id);
    expect(policy.body.warm_pool_checkout).toMatchObject({ mode: "prefer", hit: false });
  });

  test(
    "a burst of 20 on a pool of 10 gives 10 hits and 10 cold, each another machine",
    { timeout: 120_000 },
    async () => {
      const id = await filled({ min_ready: 10 }, 10);
      const ready = new Set(api.fastvm.worker.vms.keys());
      // Nothing is started while the ten are given out, not for the pool either.
      const release = api.fastvm.worker.hold("launch");
      const answers = Array.from({ length: 20 }, () => create(id, "prefer"));
      await soon(async () => (await read(id)).counts.claimed).toBe(10);
      release();
      const bodies = (await Promise.all(answers)).map(({ body }) => body);
      const hits = bodies.filter((body) => body.warm_pool_checkout.hit);
      expect(hits).toHaveLength(10);
      expect(new Set(hits.map((body) => vmIdOf(body.id)))).toEqual(ready);
      const cold = bodies.filter((body) => !body.warm_pool_checkout.hit);
      for (const body of cold)
        expect(body.warm_pool_checkout).toEqual({ source: "cold", hit: false, id, mode: "prefer" });
      expect(new Set(bodies.map((body) => body.id)).size).toBe(20);
      await soon(async () => (await read(id)).counts).toMatchObject({ ready: 10, claimed: 10 });
    },
  );

  test("under one key is one, however often it comes", async () => {
    const id = await filled();
    const order = { warm_pool: { id, mode: "require" } };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.ok("POST /v1/machines", order, { once: "the same" })),
    );
    expect(new Set(answers.map((body) => body.id)).size).toBe(1);
    expect(answers[0].warm_pool_checkout.hit).toBe(true);
    expect((await read(id)).counts.claimed).toBe(1);
  });

  test("waits as long as it says for one that becomes ready", async () => {
    const id = await poolOf({ min_ready: 0, max_ready: 1 });
    const waiting = api.call("POST /v1/machines", { warm_pool: { id, mode: "require", wait: 40_000 } });
    await api.ok(`PATCH ${POOLS}/${id}`, { min_ready: 1 });
    expect((await waiting).body.warm_pool_checkout).toMatchObject({ hit: true });
  });

  test.each<[string, object]>([
    ["envs", { envs: { A: "1" } }],
    ["cwd", { cwd: "/srv" }],
    ["timeout_action", { timeout_action: "hibernate" }],
    ["auto_resume", { timeout_action: "hibernate", auto_resume: true }],
    ["network", { network: { egress: { mode: "deny_all" } } }],
    ["private traffic", { network: { allow_public_traffic: false } }],
    ["internet_access", { internet_access: false }],
    ["template", { template: IMAGE }],
    ["vcpus", { vcpus: 2 }],
    ["memory_mb", { memory_mb: 512 }],
    ["disk_mb", { disk_mb: 100_000 }],
  ])("of another shape, by its %s, is cold or fails", async (_what, rest) => {
    const id = await filled();
    expect((await create(id, "require", rest)).body).toMatchObject({ code: "warm_pool_unavailable" });
    expect((await create(id, "prefer", rest)).body.warm_pool_checkout).toMatchObject({ hit: false });
    expect((await read(id)).counts.claimed).toBe(0);
  });

  test("is bypassed by order, and goes with no snapshot, fork or pause", async () => {
    const id = await filled();
    expect((await create(id, "bypass")).body.warm_pool_checkout).toEqual({
      source: "cold",
      hit: false,
      id,
      mode: "bypass",
    });
    const without = await api.ok("POST /v1/machines", { warm_pool: { mode: "bypass" } });
    expect(without.warm_pool_checkout).toEqual({ source: "cold", hit: false, id: null, mode: "bypass" });
    expect((await api.call("POST /v1/machines", { warm_pool: { mode: "require" } })).status).toBe(400);
    const { id: snapshot } = await api.ok(`POST /v1/machines/${without.id}/snapshots`);
    expect((await create(id, "prefer", { snapshot_id: snapshot })).status).toBe(400);
    expect((await api.ok(`POST /v1/machines/${without.id}/fork`)).warm_pool_checkout).toBeUndefined();
    expect((await api.ok("POST /v1/machines", { snapshot_id: snapshot })).warm_pool_checkout).toBeUndefined();
    for (const way of ["hibernate", "pause"]) {
      const { id: pause } = await api.ok(`POST /v1/machines/${without.id}/${way}`);
      expect((await api.ok(`POST /v1/machines/${pause}/resume`)).warm_pool_checkout).toBeUndefined();
    }
    expect(await readyIn(id)).toBe(3);
    const theirs = await api.call(
      "POST /v1/machines",
      { warm_pool: { id, mode: "prefer" } },
      { key: api.otherKey },
    );
    expect(theirs).toMatchObject({ status: 404, body: { code: "warm_pool_not_found" } });
    expect((await read(id)).counts.claimed).toBe(0);
  });
});
