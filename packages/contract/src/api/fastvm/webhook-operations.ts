/** The operations on webhooks: a part of the table. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import {
  CreateWebhookBodySchema,
  NewWebhookSchema,
  ReplayedSchema,
  UpdateWebhookBodySchema,
  WebhookDeliveryPageSchema,
  WebhookDeliveryQuerySchema,
  WebhookDeliverySchema,
  WebhookSchema,
} from "./schemas/webhook.ts";

const WEBHOOK = "/v1/webhooks/{webhookId}";
const DELIVERY = `${WEBHOOK}/deliveries/{deliveryId}`;
const tag = "Events";

export const WEBHOOK_OPERATIONS = {
  listWebhooks: {
    method: "GET",
    path: "/v1/webhooks",
    tag,
    summary: "List webhooks, oldest first",
    responses: { 200: Type.Array(WebhookSchema) },
    errors: [],
  },
  createWebhook: {
    method: "POST",
    path: "/v1/webhooks",
    tag,
    summary: "Have events sent to a URL from now on",
    description:
      "Each by a POST of its own, as `GET /v1/events` has it, signed: `fastvm-signature: t=<seconds>,v1=<hex>` with " +
      "HMAC-SHA-256 over `<t>.<body>`. Any 2xx within 10 s takes it; else it is sent again for 14 hours, then given up. " +
      "It may come twice, under one `fastvm-delivery-id`, and in another order: events have numbers.",
    body: CreateWebhookBodySchema,
    responses: { 201: NewWebhookSchema },
    errors: ["conflict"],
  },
  getWebhook: {
    method: "GET",
    path: WEBHOOK,
    tag,
    summary: "Read a webhook",
    responses: { 200: WebhookSchema },
    errors: [],
  },
  updateWebhook: {
    method: "PATCH",
    path: WEBHOOK,
    tag,
    summary: "Change a webhook",
    description: "What waits to be sent goes to the new URL, signed with the new secret.",
    body: UpdateWebhookBodySchema,
    responses: { 200: WebhookSchema },
    errors: [],
  },
  deleteWebhook: {
    method: "DELETE",
    path: WEBHOOK,
    tag,
    summary: "Delete a webhook, with what waits to be sent",
    responses: { 200: DeletionSchema },
    errors: [],
  },
  replayWebhook: {
    method: "POST",
    path: `${WEBHOOK}/replay`,
    tag,
    summary: "Send again all that was given up",
    responses: { 200: ReplayedSchema },
    errors: [],
  },
  listWebhookDeliveries: {
    method: "GET",
    path: `${WEBHOOK}/deliveries`,
    tag,
    summary: "List what a webhook was sent or is to be sent, by event, newest first",
    query: WebhookDeliveryQuerySchema,
    responses: { 200: WebhookDeliveryPageSchema },
    errors: [],
  },
  getWebhookDelivery: {
    method: "GET",
    path: DELIVERY,
    tag,
    summary: "Read a delivery with its attempts",
    responses: { 200: WebhookDeliverySchema },
    errors: [],
  },
  replayWebhookDelivery: {
    method: "POST",
    path: `${DELIVERY}/replay`,
    tag,
    summary: "Send one event again, under the same ids",
    responses: { 200: WebhookDeliverySchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
