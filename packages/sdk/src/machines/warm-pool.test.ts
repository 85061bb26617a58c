/** What the client asks of warm pools, and what it makes of answers. */
import { expect, it } from "vitest";
import { WarmPool } from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const pool = (ready: number, more: object = {}) => ({
  id: "twp_1",
  min_ready: 2,
  labels: { team_name: "t" },
  counts: { ready },
  conditions: [],
  ...more,
});

it("a pool is made, found, changed, ordered about and deleted", async () => {
  const answer = json(200, pool(0));
  await using server = await WireServer.start(
    json(201, pool(0)),
    json(200, { warm_pools: [pool(1)] }),
    ...Array.from({ length: 6 }, () => answer),
    json(200, { id: "twp_1", deleted: true }),
  );
  const options = { apiKey: "ns_live_key", baseUrl: server.url };
  const params = { name: "web", templateRef: "app:v1", minReady: 2, labels: { team_name: "t" } };
  const made = await WarmPool.create({ ...params, resources: { memoryMb: 512 } }, options);
  expect(made.info.labels).toEqual({ team_name: "t" });
  expect((await WarmPool.list(options))[0]?.counts.ready).toBe(1);
  const found = await WarmPool.get("twp_1", options);
  await found.update({ minReady: 3, staleAfterSeconds: 60 });
  await found.disable();
  await found.enable();
  await found.drain();
  await found.reconcile();
  await found.delete();
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/template-warm-pools",
    "GET /v1/template-warm-pools",
    "GET /v1/template-warm-pools/twp_1",
    "PATCH /v1/template-warm-pools/twp_1",
    "POST /v1/template-warm-pools/twp_1/disable",
    "POST /v1/template-warm-pools/twp_1/enable",
    "POST /v1/template-warm-pools/twp_1/drain",
    "POST /v1/template-warm-pools/twp_1/reconcile",
    "DELETE /v1/template-warm-pools/twp_1",
  ]);
  const order = { name: "web", template_ref: "app:v1", min_ready: 2, labels: { team_name: "t" } };
  expect(JSON.parse(String(server.requests[0]?.body))).toEqual({ ...order, resources: { memory_mb: 512 } });
  expect(JSON.parse(String(server.requests[3]?.body))).toEqual({ min_ready: 3, stale_after_seconds: 60 });
});

it("readiness is waited for, of all or of some, and no longer than is said", async () => {
  const full = { conditions: [{ code: "no_eligible_hosts", message: "the host is full" }] };
  await using server = await WireServer.start(
    json(200, pool(0)),
    json(200, pool(1)),
    json(200, pool(2)),
    json(200, pool(1)),
    json(200, pool(1, full)),
  );
  const waiting = await WarmPool.get("twp_1", { apiKey: "ns_live_key", baseUrl: server.url });
  expect((await waiting.waitUntilReady()).counts.ready).toBe(2);
  expect((await waiting.waitUntilReady(1)).counts.ready).toBe(1);
  await expect(waiting.waitUntilReady(3, { waitMs: 0 })).rejects.toMatchObject({
    code: "timeout",
    retryable: true,
    message: "1 of 3 are ready after 0 ms; no_eligible_hosts: the host is full",
  });
  expect(waiting.info.counts.ready).toBe(1);
});
