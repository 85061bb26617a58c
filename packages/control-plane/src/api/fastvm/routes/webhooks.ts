/** Webhooks: who is sent events, and what came of it. */
import { randomBytes } from "node:crypto";
import { FastvmError } from "@fastvm/contract";
import type { WebhookDelivery } from "../../../engine/engine.ts";
import { FASTVM, type FastvmScope } from "../fastvm-scope.ts";
import { kindOf } from "../views/event-view.ts";
import { deliveryView, webhookView } from "../views/webhook-view.ts";
import { WEBHOOK_TELLER } from "../webhooks/webhook-teller.ts";

const API = FASTVM.name;
const DEFAULT_LIMIT = 50;
const SECRET_BYTES = 32;

export function registerWebhooks({ routes, engine }: FastvmScope): void {
  const { webhooks } = engine;
  engine.tellers.set(API, WEBHOOK_TELLER);

  routes.serve("listWebhooks", async (_call, caller) => ({
    status: 200,
    body: (await webhooks.list(caller, API)).map(webhookView),
  }));
  routes.serve("createWebhook", async ({ body: { url, types = [], secret } }, caller) => {
    const made = secret === undefined ? { secret: randomBytes(SECRET_BYTES).toString("base64url") } : {};
    const order = { url, topics: checked(types), secret: secret ?? made.secret ?? "" };
    return { status: 201, body: { ...webhookView(await webhooks.create(caller, API, order)), ...made } };
  });
  routes.serve("getWebhook", async ({ params: { webhookId } }, caller) => ({
    status: 200,
    body: webhookView(await webhooks.get(caller, API, webhookId)),
  }));
  routes.serve("updateWebhook", async ({ params: { webhookId }, body: { types, ...rest } }, caller) => {
    const changes = { ...rest, ...(types !== undefined && { topics: checked(types) }) };
    return { status: 200, body: webhookView(await webhooks.update(caller, API, webhookId, changes)) };
  });
  routes.serve("deleteWebhook", async ({ params: { webhookId } }, caller) => {
    await webhooks.remove(caller, API, webhookId);
    return { status: 200, body: { id: webhookId, deleted: true } };
  });
  routes.serve("replayWebhook", async ({ params: { webhookId } }, caller) => ({
    status: 200,
    body: { replayed: await webhooks.replayDead(caller, API, webhookId) },
  }));
  routes.serve("listWebhookDeliveries", async ({ params: { webhookId }, query }, caller) => {
    const [offset, limit] = [Number(query["offset"] ?? 0), Number(query["limit"] ?? DEFAULT_LIMIT)];
    // As the schema has checked.
    const status = query["status"] as WebhookDelivery["status"] | undefined;
    // One more, to know whether there is one.
    const found = await webhooks.deliveries(caller, API, webhookId, { status, offset, limit: limit + 1 });
    const deliveries = found.slice(0, limit).map(deliveryView);
    return { status: 200, body: { deliveries, hasMore: found.length > limit } };
  });
  routes.serve("getWebhookDelivery", async ({ params: { webhookId, deliveryId } }, caller) => ({
    status: 200,
    body: deliveryView(await webhooks.delivery(caller, API, webhookId, deliveryId)),
  }));
  routes.serve("replayWebhookDelivery", async ({ params: { webhookId, deliveryId } }, caller) => ({
    status: 200,
    body: deliveryView(await webhooks.replay(caller, API, webhookId, deliveryId)),
  }));
}

/** One that is no type would never be told, and nobody would know. */
function checked(types: readonly string[]): readonly string[] {
  const wrong = types.find((type) => kindOf(type) === undefined);
  if (wrong === undefined) return types;
  throw new FastvmError("invalid_request", `types must be such as vm.pause_succeeded, not ${wrong}`, {
    field: "types",
  });
}
