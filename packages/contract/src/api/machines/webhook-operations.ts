/** Operations on webhooks. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import {
  CreateWebhookBodySchema,
  DeletedWebhookSchema,
  DeliveryListSchema,
  DeliveryQuerySchema,
  DeliverySchema,
  ReplayedSchema,
  UpdateWebhookBodySchema,
  WebhookListSchema,
  WebhookSchema,
} from "./schemas/webhooks.ts";

const WEBHOOKS = "/v1/lifecycle/webhooks";
const WEBHOOK = `${WEBHOOKS}/{webhookId}`;
const DELIVERY = `${WEBHOOK}/deliveries/{deliveryId}`;

const nothing = Type.Object({}, { additionalProperties: false, title: "EmptyBody" });

export const WEBHOOK_OPERATIONS = {
  createWebhook: {
    method: "POST",
    path: WEBHOOKS,
    tag: "Webhooks",
    summary: "Be told of what happens from now on",
    body: CreateWebhookBodySchema,
    responses: { 201: WebhookSchema },
    errors: [],
  },
  listWebhooks: {
    method: "GET",
    path: WEBHOOKS,
    tag: "Webhooks",
    summary: "List webhooks, oldest first",
    responses: { 200: WebhookListSchema },
    errors: [],
  },
  getWebhook: {
    method: "GET",
    path: WEBHOOK,
    tag: "Webhooks",
    summary: "Read a webhook",
    responses: { 200: WebhookSchema },
    errors: [],
  },
  updateWebhook: {
    method: "PATCH",
    path: WEBHOOK,
    tag: "Webhooks",
    summary: "Change a webhook",
    description: "What waits to be told is told under the new URL and secret.",
    body: UpdateWebhookBodySchema,
    responses: { 200: WebhookSchema },
    errors: [],
  },
  deleteWebhook: {
    method: "DELETE",
    path: WEBHOOK,
    tag: "Webhooks",
    summary: "Delete a webhook, with what waits to be told",
    responses: { 200: DeletedWebhookSchema },
    errors: [],
  },
  replayWebhook: {
    method: "POST",
    path: `${WEBHOOK}/replay`,
    tag: "Webhooks",
    summary: "Send again all that was given up",
    body: nothing,
    responses: { 200: ReplayedSchema },
    errors: [],
  },
  listWebhookDeliveries: {
    method: "GET",
    path: `${WEBHOOK}/deliveries`,
    tag: "Webhooks",
    summary: "List what it was told or is to be told, by event, newest first",
    query: DeliveryQuerySchema,
    responses: { 200: DeliveryListSchema },
    errors: [],
  },
  getWebhookDelivery: {
    method: "GET",
    path: DELIVERY,
    tag: "Webhooks",
    summary: "Read a delivery with its attempts",
    responses: { 200: DeliverySchema },
    errors: [],
  },
  replayWebhookDelivery: {
    method: "POST",
    path: `${DELIVERY}/replay`,
    tag: "Webhooks",
    summary: "Send it again, under the same ids",
    body: nothing,
    responses: { 200: DeliverySchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
