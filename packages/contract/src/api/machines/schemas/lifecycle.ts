/** What happened to machines and their snapshots. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull, strings } from "./parts.ts";

export const LIFECYCLE_OPERATIONS = [
  "create",
  "destroy",
  "timeout_updated",
  "timeout_expired",
  "hibernate",
  "snapshot_created",
  "resume_from_snapshot",
  "fork",
  "reconcile",
] as const;
const LIFECYCLE_STATUSES = ["requested", "succeeded", "failed"] as const;

export const LifecycleEventSchema = Type.Object(
  {
    id: Type.String({
      description: "A UUID; events of an account have an order, and this is a place in it.",
    }),
    operation: oneOf(LIFECYCLE_OPERATIONS),
    status: oneOf(LIFECYCLE_STATUSES),
    audience: Type.Literal("customer"),
    occurred_at: instant("When it was recorded."),
    machine_id: orNull(
      Type.String({ description: "By the machine's first id, which leads to whatever it runs as." }),
    ),
    snapshot_id: orNull(Type.String()),
    source_machine_id: orNull(
      Type.String({
        description:
          "What the machine was forked or restored from, or resumes from, which is itself; the machine that a snapshot is of.",
      }),
    ),
    target_machine_id: orNull(
      Type.String({ description: "The machine that came of the source: a fork, a restored or resumed one." }),
    ),
    user_id: orNull(
      Type.String({ description: "The key that asked for it; null of what nobody asked for." }),
    ),
    reason: orNull(Type.String({ description: "Why, where there is something to say." })),
    error_code: orNull(Type.String({ description: "Of what failed, as an answer would have it." })),
    error_message: orNull(Type.String({ description: "The reason of what failed." })),
    metadata: strings("Of the machine or snapshot, as it was then."),
  },
  { title: "LifecycleEvent" },
);
export type LifecycleEvent = Static<typeof LifecycleEventSchema>;

export const LifecycleListSchema = Type.Object(
  {
    events: Type.Array(LifecycleEventSchema),
    offset: Type.Integer(),
    limit: Type.Integer(),
    has_more: Type.Boolean(),
  },
  { title: "LifecycleList" },
);

export const LifecycleQuerySchema = Type.Object({
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: "Default 0." })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "Default 50." })),
  order: Type.Optional(oneOf(["asc", "desc"], "Default `desc`: the newest first.")),
  operation: Type.Optional(oneOf(LIFECYCLE_OPERATIONS)),
  status: Type.Optional(oneOf(LIFECYCLE_STATUSES)),
  from: Type.Optional(Type.String({ description: "RFC 3339; the earliest." })),
  to: Type.Optional(Type.String({ description: "RFC 3339; the latest." })),
  audience: Type.Optional(oneOf(["customer"], "All that is told is.")),
  snapshot_id: Type.Optional(Type.String({ description: "What happened to this one." })),
});

export const AccountLifecycleQuerySchema = Type.Object({
  ...LifecycleQuerySchema.properties,
  machine_id: Type.Optional(
    Type.String({
      description: "What happened to this one and to snapshots of it, under any id that it had.",
    }),
  ),
  source_machine_id: Type.Optional(
    Type.String({ description: "What was forked, restored or resumed from this one, and its snapshots." }),
  ),
  target_machine_id: Type.Optional(Type.String({ description: "What this one was made of." })),
});

/** What a lifecycle socket is to tell of: in its URL, and later in a message, which takes the place of what was said before. */
const CHOICE = {
  machine_id: maybe(Type.String({ maxLength: 256 })),
  snapshot_id: maybe(Type.String({ maxLength: 256 })),
  operation: maybe(oneOf(LIFECYCLE_OPERATIONS)),
  status: maybe(oneOf(LIFECYCLE_STATUSES)),
  audience: maybe(oneOf(["customer"])),
  metadata: maybe(strings("Of the machine: each of these pairs.")),
};
export const LifecycleSubscribeSchema = Type.Object({ type: Type.Literal("subscribe"), ...CHOICE }, CLOSED);
export type LifecycleSubscribe = Static<typeof LifecycleSubscribeSchema>;
