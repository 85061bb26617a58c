/** A daemon that ends while it tells webhooks, at each of its steps: the next one tells what is left, under the same ids. */
import { hookSteps, STEPS, type StepName } from "@fastvm/contract";
import { HostAddressGuard } from "@fastvm/worker";
import { afterEach, describe, expect, test } from "vitest";
import { openStore } from "../../store/store.ts";
import { nodeSqliteDialect } from "../../store/node-sqlite.ts";
import { DatabaseFaults, FAILURE_POINTS, failingDialect } from "../../testing/failing-dialect.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { machinesApp } from "../../testing/machines-app.ts";
import { Receiver } from "../../testing/receiver.ts";
import { openMemoryStore } from "../../testing/memory-store.ts";

const OF_WEBHOOKS = STEPS.filter((name) => name.startsWith("control.webhook."));
const NEVER = new Promise<never>(() => undefined);
const guard = new HostAddressGuard(["127.0.0.1"]);
/** What the first daemon has taken is another's soon. */
const webhooks = { attemptMs: 10_000, takenMs: 150, retryAfterMs: [1, 1, 1, 1], maxWaiting: 20, pollMs: 5 };
const HOOK = { signing_secret: "a secret of sixteen characters" };

let unhook: (() => void) | undefined;
afterEach(() => unhook?.());

/** The daemon stands still there, as if it had ended. */
function standStillAt(at: StepName): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  unhook = hookSteps(async (name) => {
    if (name !== at) return;
    resolve();
    await NEVER;
  });
  return promise;
}

const idsIn = ({ received }: Receiver) => received.map(({ headers }) => headers["x-nullspace-delivery-id"]);

describe("what a daemon was to tell when it ended", () => {
  test.each(OF_WEBHOOKS)("at %s is told by the next", async (at) => {
    await using receiver = await Receiver.start();
    const [store, worker] = [await openMemoryStore(), new FakeWorker()];
    // Both have the keys that seal; the first is never closed, as it stands still.
    const sealing = {
      store,
      worker,
      guard,
      config: { webhooks, closeGraceMs: 1 },
      sealingKey: "cut-deliveries",
    };
    const first = await machinesApp(sealing);
    const { id } = await first.ok("POST /v1/lifecycle/webhooks", { ...HOOK, url: receiver.url });
    const reached = standStillAt(at);
    await first.ok("POST /v1/machines", {});
    await reached;
    unhook?.();
    await using second = await machinesApp(sealing);
    const route = `GET /v1/lifecycle/webhooks/${id}/deliveries?status=succeeded`;
    const told = async () => (await second.ok(route)).deliveries.map((each: { id: string }) => each.id);
    await expect.poll(told, { timeout: 20_000 }).toHaveLength(2);
    expect(new Set(idsIn(receiver))).toEqual(new Set(await told()));
    expect(new Set(receiver.words)).toEqual(new Set(["create requested", "create succeeded"]));
  });
});

describe("a database that fails", () => {
  test.each(FAILURE_POINTS)("at the %s of what is written about a delivery costs none", async (point) => {
    await using receiver = await Receiver.start();
    const faults = new DatabaseFaults();
    const store = await openStore("sqlite", failingDialect(nodeSqliteDialect(":memory:"), faults));
    await using api = await machinesApp({ store, guard, config: { webhooks } });
    const { id } = await api.ok("POST /v1/lifecycle/webhooks", { ...HOOK, url: receiver.url });
    for (let nth = 1; nth <= 8; nth += 1) {
      const { events } = await api.ok("GET /v1/lifecycle?limit=100");
      const [event] = await store.events.after(api.fastvm.orgId, 0, 1);
      if (event === undefined) await api.ok("POST /v1/machines", {});
      else await store.events.append({ ...event, cause: "ttl_changed", subjectId: "many", toStatus: null });
      faults.failFrom(nth, point);
      await expect.poll(() => faults.struck).toBe(true);
      faults.recover();
      const succeeded = `GET /v1/lifecycle/webhooks/${id}/deliveries?status=succeeded&limit=100`;
      const count = async () => (await api.ok(succeeded)).deliveries.length;
      await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(events.length);
    }
    const { events } = await api.ok("GET /v1/lifecycle?limit=100");
    const ids = receiver.received.map(({ headers }) => headers["x-nullspace-event-id"]);
    expect(new Set(ids)).toEqual(new Set(events.map((each: { id: string }) => each.id)));
  });
});
