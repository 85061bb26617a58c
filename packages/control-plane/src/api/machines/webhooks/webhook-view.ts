/** Webhooks, and what they were told, as this API shows them. */
import type { DeliveryView, LifecycleEvent, WebhookView } from "@fastvm/contract";
import type { WebhookDelivery, WebhookRecord } from "../../../engine/engine.ts";
import { eventIdOf } from "../lifecycle/event-id.ts";
import { instantOf } from "../views/instant.ts";
import { shownId } from "../shown-ids.ts";

export function webhookView({ id, url, topics, enabled, createdAt, updatedAt }: WebhookRecord): WebhookView {
  return {
    id: shownId("webhook", id),
    url,
    operations: topics as WebhookView["operations"],
    enabled,
    created_at: instantOf(createdAt),
    updated_at: instantOf(updatedAt),
  };
}

export function deliveryView(delivery: WebhookDelivery): DeliveryView {
  const { event } = JSON.parse(delivery.body) as { event: LifecycleEvent };
  return {
    id: shownId("delivery", delivery.id),
    webhook_id: shownId("webhook", delivery.webhookId),
    event_id: eventIdOf(delivery.eventId),
    operation: event.operation,
    status: delivery.status,
    attempts: delivery.attempts.map(({ at, tookMs, answer, error }) => ({
      attempted_at: instantOf(at),
      duration_ms: tookMs,
      response_status: answer,
      error,
    })),
    next_attempt_at: instantOf(delivery.finishedAt === null ? delivery.dueAt : null),
    created_at: instantOf(delivery.createdAt),
    finished_at: instantOf(delivery.finishedAt),
    event,
  };
}
