/**
 * Writes down what webhooks are to be told, each event once: in one transaction with the number up to which that is done. A webhook
 * with much on its way waits; what happens meanwhile is in the history.
 */
import { randomUUID } from "node:crypto";
import { step } from "@fastvm/contract";
import type { WebhookRecord } from "../../store/webhook-repository.ts";
import type { Parts } from "../context.ts";

/** Webhooks; those that are brought as far as they may be make room for others. */
const MAX_AT_ONCE = 64;
/** Of one read. */
const MAX_EVENTS = 256;

export type QueueContext = Parts<"clock" | "config" | "log" | "store" | "tellers">;

export async function queueEvents(ctx: QueueContext): Promise<void> {
  for (;;) {
    const behind = await ctx.store.webhooks.behind(ctx.config.webhooks.maxWaiting, MAX_AT_ONCE);
    const moved = await Promise.all(behind.map((webhook) => queueFor(ctx, webhook)));
    // Each look brings all of them further, up to what they may have waiting, so there is an end.
    if (!moved.includes(true)) return;
  }
}

/** Whether it was brought further. */
async function queueFor(
  { store, clock, config, log, tellers }: QueueContext,
  webhook: WebhookRecord,
): Promise<boolean> {
  const events = await store.events.after(
    webhook.orgId,
    webhook.cursor,
    Math.min(MAX_EVENTS, config.webhooks.maxWaiting),
  );
  const [first, last] = [events[0], events.at(-1)];
  const teller = tellers.get(webhook.api);
  if (first === undefined || last === undefined || teller === undefined) return false;
  if (first.id !== webhook.cursor + 1) {
    log.warn({ webhookId: webhook.id }, "a webhook was behind for so long that events were forgotten");
  }
  const told = await teller.tell(webhook.orgId, events);
  const wanted = told.filter(({ topic }) => webhook.topics.length === 0 || webhook.topics.includes(topic));
  const now = clock.now();
  const deliveries = wanted.map((event) => ({
    ...event,
    id: randomUUID(),
    webhookId: webhook.id,
    status: "queued" as const,
    tries: 0,
    dueAt: now,
    attempts: [],
    createdAt: now,
    finishedAt: null,
  }));
  const isOurs = await store.transaction(async (records) => {
    if (!(await records.webhooks.advance(webhook, last.id))) return false;
    await records.webhookDeliveries.create(deliveries);
    return true;
  });
  await step("control.webhook.queued");
  return isOurs;
}
