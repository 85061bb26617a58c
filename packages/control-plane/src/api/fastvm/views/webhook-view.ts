/** Webhooks, and what they were sent, as this API shows them. */
import type { EventDeliveryView, EventView, EventWebhookView } from "@fastvm/contract";
import type { WebhookDelivery, WebhookRecord } from "../../../engine/engine.ts";
import { timestamp } from "./timestamp.ts";

export function webhookView(webhook: WebhookRecord): EventWebhookView {
  const { id, url, topics, enabled, createdAt, updatedAt } = webhook;
  return {
    id,
    url,
    types: [...topics],
    enabled,
    createdAt: timestamp(createdAt),
    updatedAt: timestamp(updatedAt),
  };
}

export function deliveryView(delivery: WebhookDelivery): EventDeliveryView {
  const { id, webhookId, status, body, dueAt, createdAt, finishedAt } = delivery;
  return {
    id,
    webhookId,
    status,
    event: JSON.parse(body) as EventView,
    attempts: delivery.attempts.map(({ at, tookMs, answer, error }) => ({
      at: timestamp(at),
      tookMs,
      ...(answer !== null && { status: answer }),
      ...(error !== null && { error }),
    })),
    ...(finishedAt === null && { nextAttemptAt: timestamp(dueAt) }),
    createdAt: timestamp(createdAt),
    ...(finishedAt !== null && { finishedAt: timestamp(finishedAt) }),
  };
}
