/** What webhooks of this API are sent: an event as `GET /v1/events` has it, with these headers. */
import { isOfPool, type EventTeller, type Letter } from "../../../engine/engine.ts";
import { eventView, typeOf } from "../views/event-view.ts";

export const WEBHOOK_TELLER: EventTeller = {
  tell: async (_orgId, events) =>
    events
      .filter((event) => !isOfPool(event))
      .map((event) => ({
        eventId: event.id,
        topic: typeOf(event),
        body: JSON.stringify(eventView(event)),
      })),
  headersOf: ({ webhookId, deliveryId, eventId, signature }: Letter) => ({
    "fastvm-webhook-id": webhookId,
    "fastvm-delivery-id": deliveryId,
    "fastvm-event-id": String(eventId),
    "fastvm-signature": signature.value,
  }),
};
