/** Orders under a key of the client's, when the process ends in their midst, and when their time is over. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSqliteStore } from "../../store/store.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { machinesApp, type MachinesApp } from "../../testing/machines-app.ts";
import { ORDER_KEY_LIFETIME_MS } from "./order-keys.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-orders-"));
});
afterEach(() => rm(folder, { recursive: true }));

const open = async (worker: FakeWorker): Promise<MachinesApp> =>
  machinesApp({
    store: await openSqliteStore(join(folder, "store.db")),
    worker,
    config: { closeGraceMs: 0 },
  });

test("an order whose daemon ended before the VM was begun is carried out when it comes again", async () => {
  const first = new FakeWorker();
  first.hold("launch");
  const before = await open(first);
  // Its client never hears of it.
  void before.call("POST /v1/machines", {}, { once: "k" }).catch(() => undefined);
  await expect.poll(() => first.calls.some(({ method }) => method === "launch")).toBe(true);
  await before.fastvm.app.close();
  await before.fastvm.store.close();

  const worker = new FakeWorker();
  await using after = await open(worker);
  const made = await after.ok("POST /v1/machines", {}, { once: "k" });
  expect(await after.ok("POST /v1/machines", {}, { once: "k" })).toEqual(made);
  expect((await after.ok("GET /v1/machines")).map(({ id }: { id: string }) => id)).toEqual([made.id]);
  expect(worker.vms.size).toBe(1);
});

test("an order whose daemon ended before it was answered is answered with what it made", async () => {
  const worker = new FakeWorker();
  const before = await open(worker);
  vi.spyOn(before.fastvm.store.orderKeys, "keepAnswer").mockRejectedValue(new Error("the process ends here"));
  expect((await before.call("POST /v1/machines", {}, { once: "k" })).status).toBe(500);
  const [made] = await before.ok("GET /v1/machines");
  await before.fastvm.app.close();
  await before.fastvm.store.close();

  await using after = await open(worker);
  expect(await after.ok("POST /v1/machines", {}, { once: "k" })).toMatchObject({
    id: made.id,
    status: "running",
  });
  expect(worker.vms.size).toBe(1);
});

test("a key means its first order for 24 hours, and then another", async () => {
  await using api = await open(new FakeWorker());
  const { store, orgId } = api.fastvm;
  const first = await api.ok("POST /v1/machines", {}, { once: "k" });
  const row = await store.orderKeys.get(orgId, "k");
  if (row === undefined) throw new Error("the key is not kept");
  await store.orderKeys.replaceSubject(row, row.subjectId, Date.now() - ORDER_KEY_LIFETIME_MS + 60_000);
  expect(await api.ok("POST /v1/machines", {}, { once: "k" })).toEqual(first);
  expect((await api.call("POST /v1/machines", { vcpus: 2 }, { once: "k" })).status).toBe(409);
  await store.orderKeys.replaceSubject(row, row.subjectId, Date.now() - ORDER_KEY_LIFETIME_MS - 1);
  const second = await api.ok("POST /v1/machines", { vcpus: 2 }, { once: "k" });
  expect(second.id).not.toBe(first.id);
});
