/** Webhooks: what is told to whom, by real requests to real servers. */
import { createHmac } from "node:crypto";
import { HostAddressGuard } from "@fastvm/worker";
import { afterEach, describe, expect, test } from "vitest";
import { engineId } from "../shown-ids.ts";
import { endless, Receiver, trickle } from "../../../testing/receiver.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

/** Waits for a condition, on whatever machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });
const HOOKS = "/v1/lifecycle/webhooks";
const SECRET = "a secret of sixteen characters";
/** More than may wait. */
const MANY = 70;
const CREATED = ["create requested", "create succeeded"];
const guard = new HostAddressGuard(["127.0.0.1"]);
/** None of it is waited for when all goes well. */
const PATIENT = { attemptMs: 30_000, takenMs: 60_000, retryAfterMs: [1, 1], maxWaiting: 20, pollMs: 5 };

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function appWith(webhooks: typeof PATIENT, store = TEST_STORES[0]?.open()): Promise<MachinesApp> {
  const opened = await store;
  const app = await machinesApp({ guard, config: { webhooks }, ...(opened && { store: opened }) });
  open.push(app);
  return app;
}

async function receiver(answering?: Receiver["answering"]): Promise<Receiver> {
  const started = await Receiver.start(answering);
  open.push(started);
  return started;
}

const hook = async (api: MachinesApp, url: string, rest: object = {}): Promise<string> =>
  (await api.ok(`POST ${HOOKS}`, { url, signing_secret: SECRET, ...rest })).id;

const deliveries = async (api: MachinesApp, id: string, query = "") =>
  (await api.ok(`GET ${HOOKS}/${id}/deliveries${query}`)).deliveries;

describe.each(TEST_STORES)("on $name", ({ open: openStore }) => {
  test("a webhook is made, read, changed and deleted, and its secret shown by nothing", async () => {
    const api = await appWith(PATIENT, openStore());
    const order = { url: "https://example.com/a#part", signing_secret: SECRET, operations: ["create"] };
    const made = await api.ok("POST /v1/lifecycle/webhooks", order, { once: "one" });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^wh_[0-9a-f]{32}$/),
      url: "https://example.com/a",
      operations: ["create"],
      enabled: true,
    });
    expect(await api.ok("POST /v1/lifecycle/webhooks", order, { once: "one" })).toEqual(made);
    expect((await api.call(`POST ${HOOKS}`, { ...order, url: "http://a/" }, { once: "one" })).status).toBe(
      409,
    );
    expect(await api.ok("GET /v1/lifecycle/webhooks")).toEqual({ webhooks: [made] });
    expect(await api.ok(`GET /v1/lifecycle/webhooks/${made.id}`)).toEqual(made);
    const changes = { operations: null, enabled: false, url: "http://example.com/b" };
    const changed = await api.ok(`PATCH /v1/lifecycle/webhooks/${made.id}`, changes);
    expect(changed).toMatchObject({ operations: ["create"], enabled: false, url: "http://example.com/b" });
    const all = await api.call(`PATCH ${HOOKS}/${made.id}`, { operations: [], signing_secret: `${SECRET}!` });
    expect(all.body).toMatchObject({ operations: [] });
    expect(all.text).not.toContain(SECRET);
    const gone = await api.ok(`DELETE /v1/lifecycle/webhooks/${made.id}`);
    expect(gone).toEqual({ id: made.id, deleted: true });
    expect(await api.call(`GET ${HOOKS}/${made.id}`)).toMatchObject({
      status: 404,
      body: { code: "webhook_not_found" },
    });
    expect(await api.fastvm.store.sealedValues.get(api.fastvm.orgId, "webhook", "")).toBeUndefined();
  });

  test("each event is told once, signed, under ids that the lists have too", async () => {
    const api = await appWith(PATIENT, openStore());
    const told = await receiver();
    const id = await hook(api, told.url);
    const machine = (await api.ok("POST /v1/machines", {})).id;
    await api.ok(`POST /v1/machines/${machine}/snapshots`);
    await soon(() => told.received).toHaveLength(4);
    const { events } = await api.ok("GET /v1/lifecycle?order=asc");
    const byEvent = told.received.toSorted((one, other) =>
      String(one.headers["x-nullspace-event-id"]) < String(other.headers["x-nullspace-event-id"]) ? -1 : 1,
    );
    expect(byEvent.map(({ body }) => JSON.parse(body))).toEqual(
      events.map((event: object) => ({ type: "event", event })),
    );
    await soon(() => deliveries(api, id, "?status=succeeded")).toHaveLength(4);
    const listed = (await deliveries(api, id)).toReversed();
    for (const [index, { headers, body }] of byEvent.entries()) {
      const deliveryId = listed[index].id;
      expect(headers).toMatchObject({
        "content-type": "application/json",
        "x-nullspace-webhook-id": id,
        "x-nullspace-delivery-id": deliveryId,
        "x-nullspace-event-id": events[index].id,
        "x-nullspace-signature-version": "v1",
      });
      const [, at, code] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["x-nullspace-signature"])) ?? [];
      expect(createHmac("sha256", SECRET).update(`${at}.${body}`).digest("hex")).toBe(code);
    }
    expect(listed[0].attempts).toMatchObject([{ response_status: 204, error: null }]);
    const page = await api.ok(`GET /v1/lifecycle/webhooks/${id}/deliveries?offset=1&limit=2`);
    expect(page).toMatchObject({ offset: 1, limit: 2, has_more: true });
    expect(page.deliveries).toEqual(listed.toReversed().slice(1, 3));
    expect(await api.ok(`GET /v1/lifecycle/webhooks/${id}/deliveries/${listed[0].id}`)).toEqual(listed[0]);
  });

  test("what fails is tried again under the same ids, then given up, and replayed by order", async () => {
    const api = await appWith(PATIENT, openStore());
    const told = await receiver((answer) => void answer.writeHead(500).end());
    const id = await hook(api, told.url, { operations: ["create"] });
    await api.ok("POST /v1/machines", {});
    const dead = `GET ${HOOKS}/${id}/deliveries?status=dead_letter`;
    await soon(async () => (await api.ok(dead)).deliveries).toHaveLength(2);
    expect(told.received).toHaveLength(2 * 3);
    const [one, other] = await deliveries(api, id);
    expect(one).toMatchObject({
      next_attempt_at: null,
      finished_at: expect.any(String),
      attempts: Array.from({ length: 3 }, () => ({ response_status: 500, error: "it answered 500" })),
    });
    told.answering = (answer) => void answer.writeHead(200).end("thanks");
    told.received.length = 0;
    const replayed = await api.ok(`POST /v1/lifecycle/webhooks/${id}/deliveries/${one.id}/replay`);
    expect(replayed).toMatchObject({ id: one.id, finished_at: null });
    await expect
      .poll(async () => (await deliveries(api, id, "?status=succeeded")).map(idOf))
      .toEqual([one.id]);
    expect(told.received.map(({ headers }) => headers["x-nullspace-delivery-id"])).toEqual([one.id]);
    expect(await api.ok(`POST /v1/lifecycle/webhooks/${id}/replay`)).toEqual({ replayed: 1 });
    await soon(() => deliveries(api, id, "?status=succeeded")).toHaveLength(2);
    expect(told.received[1]?.headers["x-nullspace-delivery-id"]).toBe(other.id);
    expect(await api.ok(`POST ${HOOKS}/${id}/replay`)).toEqual({ replayed: 0 });
  });

  test("only what is wanted is told, of one's own, and not what happens while it is not enabled", async () => {
    const api = await appWith(PATIENT, openStore());
    const told = await receiver();
    const id = await hook(api, told.url, { operations: ["destroy"] });
    await api.ok("POST /v1/machines", {}, { key: api.otherKey });
    const [first, second, third] = [await machine(api), await machine(api), await machine(api)];
    await api.ok(`DELETE /v1/machines/${first}`);
    await soon(() => told.words.toSorted()).toEqual(["destroy requested", "destroy succeeded"]);
    await api.ok(`PATCH ${HOOKS}/${id}`, { enabled: false });
    await api.ok(`DELETE /v1/machines/${second}`);
    await api.ok(`PATCH ${HOOKS}/${id}`, { enabled: true });
    await api.ok(`DELETE /v1/machines/${third}`);
    await soon(() => told.received).toHaveLength(4);
    const machines = told.received.map(({ body }) => JSON.parse(body).event.machine_id);
    expect(new Set(machines)).toEqual(new Set([first, third]));
  });
});

const idOf = ({ id }: { readonly id: string }): string => id;
const machine = async (api: MachinesApp): Promise<string> => (await api.ok("POST /v1/machines", {})).id;

describe("a receiver", () => {
  /** So that what hangs ends soon. */
  const IMPATIENT = { ...PATIENT, attemptMs: 150 };
  const late = "no answer within 0.15 s";

  test.each<readonly [what: string, answering: Receiver["answering"], error: RegExp | string]>([
    ["says nothing", () => undefined, late],
    ["sends its headers byte by byte", trickle, late],
    ["hangs up", (_answer, _received, request) => void request.socket.destroy(), /hang up|ECONNRESET/],
    [
      "answers something else than HTTP",
      (_a, _r, request) => void request.socket.end("220 hello\r\n"),
      /Parse|Expected/,
    ],
    ["answers with headers without end", endless, /Header overflow|overflow/i],
  ])("that %s is given up after so many tries, and holds up no other", async (_what, answering, error) => {
    const api = await appWith(error === late ? IMPATIENT : PATIENT);
    const [bad, good] = [await receiver(answering), await receiver()];
    const id = await hook(api, bad.url);
    await hook(api, good.url);
    await machine(api);
    await soon(() => good.words.toSorted()).toEqual(CREATED);
    await soon(() => deliveries(api, id, "?status=dead_letter")).toHaveLength(2);
    const reason = typeof error === "string" ? error : expect.stringMatching(error);
    for (const { attempts } of await deliveries(api, id)) {
      expect(attempts).toHaveLength(3);
      for (const attempt of attempts) expect(attempt).toMatchObject({ response_status: null, error: reason });
    }
  });

  test("that leads elsewhere is not followed", async () => {
    const api = await appWith(PATIENT);
    const target = await receiver();
    const leading = await receiver((answer) => void answer.writeHead(307, { location: target.url }).end());
    const id = await hook(api, leading.url);
    await machine(api);
    await soon(() => deliveries(api, id, "?status=dead_letter")).toHaveLength(2);
    const [{ attempts }] = await deliveries(api, id);
    expect(attempts[0]).toMatchObject({
      response_status: 307,
      error: "it answered 307: redirections are not followed",
    });
    expect(target.received).toEqual([]);
  });

  test("whose name leads into a guarded network is not reached", async () => {
    const api = await appWith(PATIENT);
    const there = await receiver();
    // The name means ::1 or 127.0.0.1, of which this guard lets neither through.
    const strict = await machinesApp({ guard: new HostAddressGuard([]), config: { webhooks: PATIENT } });
    open.push(strict);
    const id = await hook(strict, there.url.replace("127.0.0.1", "localhost"));
    await machine(strict);
    await soon(() => deliveries(strict, id, "?status=dead_letter")).toHaveLength(2);
    expect((await deliveries(strict, id))[0].attempts[0]).toMatchObject({
      response_status: null,
      error: "its address is in a network that is not reached from here",
    });
    expect(there.received).toEqual([]);
    // It is there: who may reach it does.
    await hook(api, there.url);
    await machine(api);
    await soon(() => there.received).toHaveLength(2);
  });

  test(
    "that is away for long has so many waiting at most, and misses nothing",
    { timeout: 60_000 },
    async () => {
      const api = await appWith(PATIENT);
      const away = Promise.withResolvers<void>();
      const told = await receiver((answer) => void away.promise.then(() => answer.writeHead(200).end()));
      const id = await hook(api, told.url);
      await machine(api);
      const { store, orgId } = api.fastvm;
      const [event] = await store.events.after(orgId, 0, 1);
      if (event === undefined) throw new Error("no event");
      await store.transaction(async (records) => {
        for (let i = 2; i < MANY; i += 1) {
          await records.events.append({ ...event, cause: "ttl_changed", subjectId: "many", toStatus: null });
        }
      });
      const all = { offset: 0, limit: 2 * MANY };
      const waiting = async () => (await store.webhookDeliveries.list(engineId("webhook", id), all)).length;
      await soon(waiting).toBeGreaterThanOrEqual(20);
      expect(await waiting()).toBeLessThan(40);
      away.resolve();
      await soon(() => told.received.length).toBe(MANY);
      const ids = told.received.map(({ headers }) => headers["x-nullspace-event-id"]);
      expect(new Set(ids).size).toBe(MANY);
    },
  );
});

test.each([
  ["ftp://example.com/", "must be an http or https URL"],
  ["example.com", "must be an http or https URL"],
  ["https://user:word@example.com/", "must have no user name and no password in it"],
  ["http://10.0.0.1/", "leads into a network that is not reached from here"],
  ["http://[::1]:8080/", "leads into a network that is not reached from here"],
  ["http://0x7f.2/", "leads into a network that is not reached from here"],
])("%s is refused", async (url, rule) => {
  const api = await appWith(PATIENT);
  const answer = await api.call(`POST ${HOOKS}`, { url, signing_secret: SECRET });
  expect(answer).toMatchObject({
    status: 400,
    body: { field: "url", message: expect.stringContaining(rule) },
  });
});

test("there are so many and no more", async () => {
  const api = await appWith(PATIENT);
  const made = await Promise.all(
    Array.from({ length: 34 }, () =>
      api.call(`POST ${HOOKS}`, { url: "http://a.example/", signing_secret: SECRET }),
    ),
  );
  expect(made.filter(({ status }) => status === 201)).toHaveLength(32);
  expect(made.filter(({ status }) => status === 409)).toHaveLength(2);
});
