/** Webhooks: who is told, and what came of it. */
import type { WebhookDelivery } from "../../../../engine/engine.ts";
import { MACHINES, type MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { engineId, shownId } from "../../shown-ids.ts";
import { deliveryView, webhookView } from "../../webhooks/webhook-view.ts";

const API = MACHINES.name;
const DEFAULT_LIMIT = 50;

export function registerWebhooks(api: MachinesScope): void {
  const { routes } = api;
  const { webhooks } = api.engine;
  const idIn = ({ webhookId }: { readonly webhookId: string }) => engineId("webhook", webhookId);

  routes.serve("createWebhook", async ({ body, request }, caller) =>
    once(api, caller, { operation: "createWebhook", request }, async (key) => {
      const { url, operations, signing_secret: secret } = body;
      const made = await webhooks.create(caller, API, { url, topics: operations ?? [], secret }, key);
      return { status: 201, body: webhookView(made) };
    }),
  );
  routes.serve("listWebhooks", async (_call, caller) => {
    const all = await webhooks.list(caller, API);
    return { status: 200, body: { webhooks: all.map((webhook) => webhookView(webhook)) } };
  });
  routes.serve("getWebhook", async ({ params }, caller) => ({
    status: 200,
    body: webhookView(await webhooks.get(caller, API, idIn(params))),
  }));
  routes.serve("updateWebhook", async ({ params, body }, caller) => {
    const { url, operations, signing_secret, enabled } = body;
    const changes = {
      ...given("url", url),
      ...given("topics", operations),
      ...given("secret", signing_secret),
      ...given("enabled", enabled),
    };
    return { status: 200, body: webhookView(await webhooks.update(caller, API, idIn(params), changes)) };
  });
  routes.serve("deleteWebhook", async ({ params }, caller) => {
    const id = idIn(params);
    await webhooks.remove(caller, API, id);
    return { status: 200, body: { id: shownId("webhook", id), deleted: true } };
  });
  routes.serve("replayWebhook", async ({ params }, caller) => ({
    status: 200,
    body: { replayed: await webhooks.replayDead(caller, API, idIn(params)) },
  }));
  routes.serve("listWebhookDeliveries", async ({ params, query }, caller) => {
    const [offset, limit] = [Number(query["offset"] ?? 0), Number(query["limit"] ?? DEFAULT_LIMIT)];
    // As the schema has checked.
    const status = query["status"] as WebhookDelivery["status"] | undefined;
    // One more, to know whether there is one.
    const slice = { status, offset, limit: limit + 1 };
    const found = await webhooks.deliveries(caller, API, idIn(params), slice);
    const deliveries = found.slice(0, limit).map((delivery) => deliveryView(delivery));
    return { status: 200, body: { deliveries, offset, limit, has_more: found.length > limit } };
  });
  routes.serve("getWebhookDelivery", async ({ params }, caller) => {
    const found = await webhooks.delivery(caller, API, idIn(params), deliveryIn(params));
    return { status: 200, body: deliveryView(found) };
  });
  routes.serve("replayWebhookDelivery", async ({ params }, caller) => {
    const queued = await webhooks.replay(caller, API, idIn(params), deliveryIn(params));
    return { status: 200, body: deliveryView(queued) };
  });
}

function deliveryIn({ deliveryId }: { readonly deliveryId: string }): string {
  return engineId("delivery", deliveryId);
}

/** `null` is as if the field were not there. */
function given<Name extends string, T>(
  name: Name,
  value: T | null | undefined,
): { readonly [N in Name]?: T } {
  return value === null || value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]?: T });
}
