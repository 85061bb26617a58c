/** Webhooks: who is told of what happens by a request of ours, and what came of each. */
import { Type, type Static } from "typebox";
import { MAX_WEBHOOK_URL_LENGTH } from "../../../limits.ts";
import { LIFECYCLE_OPERATIONS, LifecycleEventSchema } from "./lifecycle.ts";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

/** Below it a secret could be guessed. */
const MIN_SECRET_LENGTH = 16;
const MAX_SECRET_LENGTH = 1024;

const DELIVERY_STATUSES = ["queued", "in_progress", "succeeded", "dead_letter"] as const;

const url = Type.String({
  minLength: 1,
  maxLength: MAX_WEBHOOK_URL_LENGTH,
  description: "http or https. It is asked by POST; redirections are not followed.",
});
const operations = maybe(
  Type.Array(oneOf(LIFECYCLE_OPERATIONS), {
    maxItems: LIFECYCLE_OPERATIONS.length,
    uniqueItems: true,
    description: "What is told; default, and if it is empty: all.",
  }),
);
const secret = Type.String({
  minLength: MIN_SECRET_LENGTH,
  maxLength: MAX_SECRET_LENGTH,
  description: "Requests are signed with it. No answer has it.",
});

export const CreateWebhookBodySchema = Type.Object(
  { url, operations, signing_secret: secret },
  { ...CLOSED, title: "CreateWebhookBody" },
);

export const UpdateWebhookBodySchema = Type.Object(
  {
    url: maybe(url),
    operations,
    signing_secret: maybe(secret),
    enabled: maybe(Type.Boolean({ description: "Of what happens while it is not, it is never told." })),
  },
  { ...CLOSED, title: "UpdateWebhookBody" },
);

export const WebhookSchema = Type.Object(
  {
    id: Type.String({ description: "`wh_…`." }),
    url: Type.String(),
    operations: Type.Array(oneOf(LIFECYCLE_OPERATIONS), { description: "Empty: all." }),
    enabled: Type.Boolean(),
    created_at: instant("When it was made."),
    updated_at: instant("When it was changed last."),
  },
  { title: "Webhook" },
);
export type WebhookView = Static<typeof WebhookSchema>;

export const WebhookListSchema = Type.Object(
  { webhooks: Type.Array(WebhookSchema) },
  { title: "WebhookList" },
);

export const DeletedWebhookSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "DeletedWebhook" },
);

const AttemptSchema = Type.Object(
  {
    attempted_at: instant("When it began."),
    duration_ms: Type.Integer(),
    response_status: orNull(Type.Integer({ description: "null: no answer came." })),
    error: orNull(Type.String({ description: "null: it was taken." })),
  },
  { title: "WebhookAttempt" },
);

export const DeliverySchema = Type.Object(
  {
    id: Type.String({ description: "`del_…`, the same in each attempt." }),
    webhook_id: Type.String(),
    event_id: Type.String(),
    operation: oneOf(LIFECYCLE_OPERATIONS),
    status: oneOf(DELIVERY_STATUSES, "`dead_letter`: it was given up; it can be replayed."),
    attempts: Type.Array(AttemptSchema, { description: "The latest, oldest first." }),
    next_attempt_at: orNull(instant("Not before; null of one that is finished.")),
    created_at: instant("When it was queued."),
    finished_at: orNull(instant("When it was taken or given up.")),
    event: LifecycleEventSchema,
  },
  { title: "WebhookDelivery" },
);
export type DeliveryView = Static<typeof DeliverySchema>;

export const DeliveryListSchema = Type.Object(
  {
    deliveries: Type.Array(DeliverySchema),
    offset: Type.Integer(),
    limit: Type.Integer(),
    has_more: Type.Boolean(),
  },
  { title: "WebhookDeliveryList" },
);

export const DeliveryQuerySchema = Type.Object({
  status: Type.Optional(oneOf(DELIVERY_STATUSES)),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: "Default 0." })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "Default 50." })),
});

export const ReplayedSchema = Type.Object(
  { replayed: Type.Integer({ description: "How many are sent again." }) },
  { title: "Replayed" },
);
