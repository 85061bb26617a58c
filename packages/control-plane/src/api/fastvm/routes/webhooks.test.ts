/** Webhooks of this API: what is sent to whom, by real requests to real servers, and what becomes of receivers that are no good. */
import { createHmac } from "node:crypto";
import { HostAddressGuard } from "@fastvm/worker";
import { afterEach, describe, expect, test } from "vitest";
import { endless, Receiver, trickle } from "../../../testing/receiver.ts";
import { OTHER_KEY, testApp, type TestApp } from "../../../testing/test-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

/** Waits for a condition, on whatever machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });
const SECRET = "a secret of sixteen characters";
/** One address of this machine may be told, and the others may not. */
const guard = new HostAddressGuard(["127.0.0.1"]);
const GUARDED = "127.0.0.2";
const PATIENT = { attemptMs: 30_000, takenMs: 60_000, retryAfterMs: [1, 1], maxWaiting: 20, pollMs: 5 };
/** So that what hangs ends soon; one that answers is never near it. */
const IMPATIENT = { ...PATIENT, attemptMs: 150 };
const LAUNCHED = ["vm.launch_requested", "vm.launch_succeeded"];

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function appWith(webhooks: typeof PATIENT, opened = TEST_STORES[0]?.open()): Promise<TestApp> {
  const store = await opened;
  const app = await testApp({ guard, config: { webhooks }, ...(store && { store }) });
  open.push(app);
  return app;
}

async function receiver(answering?: Receiver["answering"], host?: string): Promise<Receiver> {
  const started = await Receiver.start(answering, host);
  open.push(started);
  return started;
}

async function ok(api: TestApp, route: string, body?: unknown) {
  const answer = await api.call(route, body);
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.body;
}

const hook = async (api: TestApp, url: string, rest: object = {}): Promise<string> =>
  (await ok(api, "POST /v1/webhooks", { url, secret: SECRET, ...rest })).id;
const deliveries = async (api: TestApp, id: string, query = "") =>
  (await ok(api, `GET /v1/webhooks/${id}/deliveries${query}`)).deliveries;
const launch = async (api: TestApp): Promise<string> =>
  (await ok(api, "POST /v1/vms", { machineType: "c1m2" })).id;
const typesAt = ({ received }: Receiver): string[] =>
  received.map(({ body }) => JSON.parse(body).type as string).toSorted();

describe.each(TEST_STORES)("on $name", ({ open: openStore }) => {
  test("a webhook is made, read, changed and deleted; the secret that was made is shown once", async () => {
    const api = await appWith(PATIENT, openStore());
    const order = { url: "https://example.com/a#part", types: ["vm.deleted"] };
    const { secret, ...made } = await ok(api, "POST /v1/webhooks", order);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(made).toMatchObject({ url: "https://example.com/a", types: ["vm.deleted"], enabled: true });
    expect(await ok(api, "GET /v1/webhooks")).toEqual([made]);
    expect(await ok(api, `GET /v1/webhooks/${made.id}`)).toEqual(made);
    const own = await api.call("POST /v1/webhooks", { ...order, secret: SECRET });
    expect(own.text).not.toContain(SECRET);
    const changes = { enabled: false, url: "http://example.com/b", types: [], secret: `${SECRET}!` };
    const changed = await api.call(`PATCH /v1/webhooks/${made.id}`, changes);
    expect(changed.body).toMatchObject({ enabled: false, url: "http://example.com/b", types: [] });
    expect(changed.text).not.toContain(SECRET);
    expect(await ok(api, `DELETE /v1/webhooks/${made.id}`)).toEqual({ id: made.id, deleted: true });
    expect((await api.call(`GET /v1/webhooks/${made.id}`)).status).toBe(404);
  });

  test("each event is sent once, as the list has it, signed, and only those that are wanted", async () => {
    const api = await appWith(PATIENT, openStore());
    const [all, some] = [await receiver(), await receiver()];
    const id = await hook(api, all.url);
    await hook(api, some.url, { types: ["vm.deleted"] });
    await api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY });
    const vm = await launch(api);
    await ok(api, `DELETE /v1/vms/${vm}`);
    await soon(() => all.received).toHaveLength(4);
    await soon(() => typesAt(some)).toEqual(["vm.deleted"]);
    const { events } = await ok(api, "GET /v1/events");
    const byNumber = all.received.toSorted((one, other) => number(one) - number(other));
    expect(byNumber.map(({ body }) => JSON.parse(body))).toEqual(events);
    await soon(() => deliveries(api, id, "?status=succeeded")).toHaveLength(4);
    const listed = (await deliveries(api, id)).toReversed();
    for (const [index, { headers, body }] of byNumber.entries()) {
      expect(headers).toMatchObject({
        "content-type": "application/json",
        "fastvm-webhook-id": id,
        "fastvm-delivery-id": listed[index].id,
        "fastvm-event-id": String(events[index].id),
      });
      const [, at, code] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["fastvm-signature"])) ?? [];
      expect(createHmac("sha256", SECRET).update(`${at}.${body}`).digest("hex")).toBe(code);
    }
    expect(listed[0].attempts).toMatchObject([{ status: 204 }]);
    const page = await ok(api, `GET /v1/webhooks/${id}/deliveries?offset=1&limit=2`);
    expect(page).toEqual({ hasMore: true, deliveries: listed.toReversed().slice(1, 3) });
    expect(await ok(api, `GET /v1/webhooks/${id}/deliveries/${listed[0].id}`)).toEqual(listed[0]);
  });

  test("what fails is sent again under the same ids, then given up, and replayed by order", async () => {
    const api = await appWith(PATIENT, openStore());
    const told = await receiver((answer) => void answer.writeHead(500).end());
    const id = await hook(api, told.url);
    await launch(api);
    await soon(() => deliveries(api, id, "?status=dead_letter")).toHaveLength(2);
    expect(told.received).toHaveLength(2 * 3);
    const [one, other] = await deliveries(api, id);
    const failed = { status: 500, error: "it answered 500" };
    expect(one).toMatchObject({ attempts: [failed, failed, failed], finishedAt: expect.any(String) });
    expect(one).not.toHaveProperty("nextAttemptAt");
    told.answering = (answer) => void answer.writeHead(200).end();
    told.received.length = 0;
    const replayed = await ok(api, `POST /v1/webhooks/${id}/deliveries/${one.id}/replay`);
    expect(replayed).toMatchObject({ id: one.id, event: one.event });
    await soon(() => deliveries(api, id, "?status=succeeded")).toMatchObject([{ id: one.id }]);
    expect(await ok(api, `POST /v1/webhooks/${id}/replay`)).toEqual({ replayed: 1 });
    await soon(() => deliveries(api, id, "?status=succeeded")).toHaveLength(2);
    expect(told.received.map(({ headers }) => headers["fastvm-delivery-id"])).toEqual([one.id, other.id]);
  });
});

const number = ({ headers }: Receiver["received"][number]): number => Number(headers["fastvm-event-id"]);

describe("a receiver", () => {
  const late = "no answer within 0.15 s";

  test.each<readonly [what: string, answering: Receiver["answering"], error: RegExp | string]>([
    ["hangs", () => undefined, late],
    ["answers byte by byte", trickle, late],
    ["hangs up", (_answer, _received, request) => void request.socket.destroy(), /hang up|ECONNRESET/],
    ["speaks no HTTP", (_a, _r, request) => void request.socket.end("220 hello\r\n"), /Parse|Expected/],
    ["answers with headers without end", endless, /overflow/i],
  ])("that %s is given up after so many tries, and holds up no other", async (_what, answering, error) => {
    const api = await appWith(IMPATIENT);
    const [bad, good] = [await receiver(answering), await receiver()];
    const id = await hook(api, bad.url);
    await hook(api, good.url);
    await launch(api);
    await soon(() => typesAt(good)).toEqual(LAUNCHED);
    await soon(() => deliveries(api, id, "?status=dead_letter")).toHaveLength(2);
    for (const { attempts } of await deliveries(api, id)) {
      expect(attempts).toHaveLength(3);
      for (const attempt of attempts) {
        expect(attempt).not.toHaveProperty("status");
        expect(attempt.error).toMatch(error);
      }
    }
  });

  test.each([301, 302, 303, 307, 308])(
    "that answers %i is not followed into a guarded network",
    async (status) => {
      const api = await appWith(PATIENT);
      const inside = await receiver(undefined, GUARDED);
      const leading = await receiver(
        (answer) => void answer.writeHead(status, { location: inside.url }).end(),
      );
      const id = await hook(api, leading.url);
      await launch(api);
      await soon(() => deliveries(api, id, "?status=dead_letter")).toHaveLength(2);
      const error = `it answered ${status}: redirections are not followed`;
      expect((await deliveries(api, id))[0].attempts[0]).toMatchObject({ status, error });
      expect(inside.received).toEqual([]);
    },
  );

  test("whose name leads into a guarded network is not reached", async () => {
    const strict = await testApp({ guard: new HostAddressGuard([]), config: { webhooks: PATIENT } });
    open.push(strict);
    const there = await receiver();
    const id = await hook(strict, there.url.replace("127.0.0.1", "localhost"));
    await launch(strict);
    await soon(() => deliveries(strict, id, "?status=dead_letter")).toHaveLength(2);
    expect((await deliveries(strict, id))[0].attempts[0]).toMatchObject({
      error: "its address is in a network that is not reached from here",
    });
    expect(there.received).toEqual([]);
  });
});

test.each([
  ["ftp://example.com/", "must be an http or https URL"],
  ["https://user:word@example.com/", "must have no user name and no password in it"],
  ["http://10.0.0.1/", "leads into a network that is not reached from here"],
  ["http://127.0.0.2/", "leads into a network that is not reached from here"],
  ["http://169.254.169.254/latest", "leads into a network that is not reached from here"],
  ["http://2130706434/", "leads into a network that is not reached from here"],
  ["http://[::1]:8080/", "leads into a network that is not reached from here"],
  ["http://[::ffff:10.0.0.1]/", "leads into a network that is not reached from here"],
  ["http://[64:ff9b::a00:1]/", "leads into a network that is not reached from here"],
])("%s is refused, when it is made and when it is changed", async (url, rule) => {
  const api = await appWith(PATIENT);
  const id = await hook(api, "http://127.0.0.1:1/");
  const refusal = { status: 400, body: { field: "url", message: expect.stringContaining(rule) } };
  expect(await api.call("POST /v1/webhooks", { url })).toMatchObject(refusal);
  expect(await api.call(`PATCH /v1/webhooks/${id}`, { url })).toMatchObject(refusal);
  expect((await ok(api, `GET /v1/webhooks/${id}`)).url).toBe("http://127.0.0.1:1/");
});

test("a type that is none is refused, as is what is misspelt", async () => {
  const api = await appWith(PATIENT);
  const url = "https://example.com/";
  for (const body of [
    { url, types: ["vm.*"] },
    { url, types: ["volume.made"] },
    { url, type: ["vm.deleted"] },
  ]) {
    expect(await api.call("POST /v1/webhooks", body)).toMatchObject({ status: 400 });
  }
});
