/** Webhooks: who is told of events by a request of ours, and what came of each. */
import { Type, type Static } from "typebox";
import { MAX_WEBHOOK_URL_LENGTH } from "../../../limits.ts";
import { EventSchema } from "./event.ts";
import { STRICT } from "./strict.ts";

/** Below it a secret could be guessed. */
const MIN_SECRET_LENGTH = 16;
const MAX_SECRET_LENGTH = 1024;
/** More than there are. */
const MAX_TYPES = 100;
const MAX_TYPE_LENGTH = 80;

const DELIVERY_STATUSES = ["queued", "in_progress", "succeeded", "dead_letter"] as const;
type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];
const statusOf = (description?: string) =>
  Type.Unsafe<DeliveryStatus>({
    type: "string",
    enum: [...DELIVERY_STATUSES],
    ...(description !== undefined && { description }),
  });

const url = Type.String({
  minLength: 1,
  maxLength: MAX_WEBHOOK_URL_LENGTH,
  description: "http or https. It is asked by POST; redirections are not followed.",
});
const types = Type.Array(Type.String({ maxLength: MAX_TYPE_LENGTH }), {
  maxItems: MAX_TYPES,
  description: "Such as `vm.pause_succeeded`: of these it is told. Default, and if it is empty: of all.",
});
const secretOf = (description: string) =>
  Type.String({ minLength: MIN_SECRET_LENGTH, maxLength: MAX_SECRET_LENGTH, description });

/** What is misspelt would tell more than was meant. */
export const CreateWebhookBodySchema = Type.Object(
  {
    url,
    types: Type.Optional(types),
    secret: Type.Optional(secretOf("What is sent is signed with it. Default: one is made.")),
  },
  { ...STRICT, title: "CreateWebhookBody" },
);

export const UpdateWebhookBodySchema = Type.Object(
  {
    url: Type.Optional(url),
    types: Type.Optional(types),
    secret: Type.Optional(secretOf("In place of the one before.")),
    enabled: Type.Optional(
      Type.Boolean({ description: "Of what happens while it is not, it is never told." }),
    ),
  },
  { ...STRICT, title: "UpdateWebhookBody" },
);

const WEBHOOK = {
  id: Type.String(),
  url: Type.String(),
  types: Type.Array(Type.String(), { description: "Empty: all." }),
  enabled: Type.Boolean(),
  createdAt: Type.String({ format: "date-time" }),
  updatedAt: Type.String({ format: "date-time" }),
};

export const WebhookSchema = Type.Object(WEBHOOK, { title: "Webhook", description: "Without its secret." });
export type EventWebhookView = Static<typeof WebhookSchema>;

export const NewWebhookSchema = Type.Object(
  {
    ...WEBHOOK,
    secret: Type.Optional(Type.String({ description: "Where one was made; no other answer has it." })),
  },
  { title: "NewWebhook" },
);

const AttemptSchema = Type.Object(
  {
    at: Type.String({ format: "date-time" }),
    tookMs: Type.Integer(),
    status: Type.Optional(Type.Integer({ description: "Absent: no answer came." })),
    error: Type.Optional(Type.String({ description: "Absent: it was taken." })),
  },
  { title: "WebhookAttempt" },
);

export const WebhookDeliverySchema = Type.Object(
  {
    id: Type.String({ description: "The same in each attempt." }),
    webhookId: Type.String(),
    status: statusOf("`dead_letter`: it was given up; it can be replayed."),
    event: EventSchema,
    attempts: Type.Array(AttemptSchema, { description: "The latest, oldest first." }),
    nextAttemptAt: Type.Optional(
      Type.String({ format: "date-time", description: "Not before; absent of one that is finished." }),
    ),
    createdAt: Type.String({ format: "date-time" }),
    finishedAt: Type.Optional(Type.String({ format: "date-time" })),
  },
  { title: "WebhookDelivery" },
);
export type EventDeliveryView = Static<typeof WebhookDeliverySchema>;

export const WebhookDeliveryPageSchema = Type.Object(
  { deliveries: Type.Array(WebhookDeliverySchema), hasMore: Type.Boolean() },
  { title: "WebhookDeliveryPage" },
);

export const WebhookDeliveryQuerySchema = Type.Object({
  status: Type.Optional(statusOf()),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: "Default 0." })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "Default 50." })),
});

export const ReplayedSchema = Type.Object(
  { replayed: Type.Integer({ description: "How many are sent again." }) },
  { title: "Replayed" },
);
