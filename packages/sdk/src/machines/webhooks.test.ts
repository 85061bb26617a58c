/** What the client asks of webhooks, and what it makes of answers. */
import { expect, it } from "vitest";
import { Lifecycle } from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const WEBHOOK = { id: "wh_1", url: "https://a.example/", operations: ["create"], enabled: true };
const DELIVERY = { id: "del_1", webhook_id: "wh_1", status: "dead_letter", event: { machine_id: "mch_1" } };

it("a webhook is made, found, changed and deleted, its deliveries are looked at and sent again", async () => {
  await using server = await WireServer.start(
    json(201, WEBHOOK),
    json(200, { webhooks: [WEBHOOK] }),
    json(200, WEBHOOK),
    json(200, { ...WEBHOOK, enabled: false }),
    json(200, { deliveries: [DELIVERY], offset: 1, limit: 5, has_more: true }),
    json(200, DELIVERY),
    json(200, { ...DELIVERY, status: "queued" }),
    json(200, { replayed: 3 }),
    json(200, { id: "wh_1", deleted: true }),
  );
  const { webhooks } = new Lifecycle({ apiKey: "ns_live_key", baseUrl: server.url });
  const secret = "a secret of some length";
  const { id } = await webhooks.create({ url: WEBHOOK.url, operations: ["create"], signingSecret: secret });
  expect(await webhooks.list()).toEqual([WEBHOOK]);
  expect((await webhooks.get(id)).enabled).toBe(true);
  expect((await webhooks.update(id, { enabled: false })).enabled).toBe(false);
  const page = await webhooks.listDeliveries(id, { status: "dead_letter", offset: 1, limit: 5 });
  expect([page.hasMore, page.deliveries[0]?.event.machineId]).toEqual([true, "mch_1"]);
  expect((await webhooks.getDelivery(id, "del_1")).webhookId).toBe("wh_1");
  expect((await webhooks.replayDelivery(id, "del_1")).status).toBe("queued");
  expect(await webhooks.replay(id)).toBe(3);
  await webhooks.delete(id);
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/lifecycle/webhooks",
    "GET /v1/lifecycle/webhooks",
    "GET /v1/lifecycle/webhooks/wh_1",
    "PATCH /v1/lifecycle/webhooks/wh_1",
    "GET /v1/lifecycle/webhooks/wh_1/deliveries?status=dead_letter&offset=1&limit=5",
    "GET /v1/lifecycle/webhooks/wh_1/deliveries/del_1",
    "POST /v1/lifecycle/webhooks/wh_1/deliveries/del_1/replay",
    "POST /v1/lifecycle/webhooks/wh_1/replay",
    "DELETE /v1/lifecycle/webhooks/wh_1",
  ]);
  const order = { url: WEBHOOK.url, operations: ["create"], signing_secret: secret };
  expect(JSON.parse(String(server.requests[0]?.body))).toEqual(order);
});
