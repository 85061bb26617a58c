/** A daemon that ends while it fills a pool or gives out of it, at each of its steps: the next one has the same counts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hookSteps, STEPS, type StepName } from "@fastvm/contract";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../store/store.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { machinesApp } from "../../testing/machines-app.ts";

const PASSED = /^(?:control\.(?:pool|launch|delete)|transaction)\./;
const AT = STEPS.filter((name) => PASSED.test(name));
const NEVER = new Promise<never>(() => undefined);
const config = { poolEveryMs: 10, closeGraceMs: 1, reconcileRetryMs: 10 };
const POOLS = "/v1/template-warm-pools";
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });

let unhook: (() => void) | undefined;
afterEach(() => unhook?.());

/** The daemon stands still there, as if it had ended: all of it, from then on. */
function standStillAt(at: StepName): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isStill = false;
  unhook = hookSteps(async (name) => {
    isStill ||= name === at;
    if (!isStill) return;
    resolve();
    await NEVER;
  });
  return promise;
}

async function world() {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-cut-pools-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "records.db");
  const [store, worker] = [await openSqliteStore(path), new FakeWorker()];
  const first = await machinesApp({ store, worker, config });
  const { id } = await first.ok(`POST ${POOLS}`, { name: "cut", min_ready: 2 });
  await soon(async () => (await first.ok(`GET ${POOLS}/${id}`)).counts.ready).toBe(2);
  return { path, store, worker, first, id };
}

test.each(AT)("cut at %s of a checkout and the refill behind it", { timeout: 120_000 }, async (at) => {
  const { path, store: its, worker, first, id } = await world();
  const reached = standStillAt(at);
  const order = { warm_pool: { id, mode: "require" }, metadata: { job: "7" } };
  const cut = first.call("POST /v1/machines", order, { once: "mine" }).catch(() => undefined);
  // Steps of a delete are passed by what is stale.
  if (at.startsWith("control.delete") || at === "control.pool.retired") {
    const [old] = await its.vms.listOfPool(id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
    if (old !== undefined) worker.emit({ kind: "vm_failed", vmId: old.id, reason: "it fell over" });
  }
  await reached;
  void cut;
  // With its connection a transaction ends in which it stands still.
  await its.close();
  unhook?.();
  const store = await openSqliteStore(path);
  await using second = await machinesApp({ store, worker, config, changesStatuses: true });
  const answer = await second.ok(
    "POST /v1/machines",
    { ...order, warm_pool: { ...order.warm_pool, wait: 30_000 } },
    { once: "again" },
  );
  const same = await second.call("POST /v1/machines", order, { once: "mine" });
  const counts = async () => (await second.ok(`GET ${POOLS}/${id}`)).counts;
  await soon(counts).toMatchObject({ ready: 2, warming: 0, draining: 0 });
  const machines = (await second.ok("GET /v1/machines")).map((each: { id: string }) => each.id);
  // What was asked for twice under one key is one machine, if it was to be had at all.
  const expected = [answer.id, ...(same.status === 201 ? [same.body.id] : [])];
  expect(new Set(machines)).toEqual(new Set(expected));
  expect((await counts()).claimed).toBe(machines.length);
  await soon(async () => (await store.vms.listAll()).length).toBe(machines.length + 2);
  await soon(() => worker.vms.size).toBe(machines.length + 2);
  const rows = (await store.vms.listAll()).map((vm) => vm.id);
  expect(new Set(worker.vms.keys())).toEqual(new Set(rows));
});
