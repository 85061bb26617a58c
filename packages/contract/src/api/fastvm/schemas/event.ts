/** What happened to an organisation's VMs and snapshots, in the order in which it did. */
import { Type, type Static } from "typebox";

const EventNumber = (description: string) => Type.Integer({ minimum: 0, description });

export const EventSchema = Type.Object(
  {
    id: EventNumber(
      "Counts the organisation's events from 1, without gaps: who reads on after it misses nothing.",
    ),
    at: Type.String({ format: "date-time" }),
    type: Type.String({
      description:
        "`vm.` or `snapshot.` and the cause, such as `vm.pause_succeeded`. More may come, and are to be passed over.",
    }),
    subjectId: Type.String({ description: "Of the VM or the snapshot, which may be gone." }),
    fromStatus: Type.Optional(Type.String({ description: "Absent where it began to exist." })),
    toStatus: Type.Optional(Type.String({ description: "Absent where it no longer exists." })),
    actor: Type.String({ description: "`key:<id>` of who asked for it, or `system`." }),
    detail: Type.Optional(Type.String({ description: "The reason, mostly of what failed." })),
  },
  { title: "Event" },
);
export type EventView = Static<typeof EventSchema>;

export const EventPageSchema = Type.Object(
  {
    events: Type.Array(EventSchema),
    hasMore: Type.Boolean({ description: "Whether more match than this page has." }),
    lastId: EventNumber("Of the latest event of all; 0 where there is none."),
  },
  { title: "EventPage" },
);

/** What a stream tells besides events. */
const EventNoticeSchema = Type.Object(
  {
    type: Type.Union([
      Type.Literal("live", {
        description: "What had happened before has been told; from here on it is news.",
      }),
      Type.Literal("gap", {
        description: "Events after the one that was named are no longer kept: read anew.",
      }),
      Type.Literal("error", { description: "The stream ends with this." }),
    ]),
    code: Type.Optional(Type.String()),
    message: Type.Optional(Type.String()),
  },
  { title: "EventNotice" },
);
export type EventNotice = Static<typeof EventNoticeSchema>;

export const StreamedEventSchema = Type.Union([EventSchema, EventNoticeSchema], { title: "StreamedEvent" });

/** Of a page; what a client asks for at most. */
const MAX_EVENTS = 1000;

export const EventQuerySchema = Type.Object({
  after: Type.Optional(
    EventNumber("Only events above this number. Default: all that are kept; of a stream, none."),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_EVENTS, description: "Of a page; default 100." }),
  ),
  order: Type.Optional(
    Type.Unsafe<"asc" | "desc">({
      type: "string",
      enum: ["asc", "desc"],
      description: "Of a page; default `asc`, oldest first.",
    }),
  ),
  vm: Type.Optional(Type.String({ description: "Only of the VM with this id, which may be gone." })),
  snapshot: Type.Optional(Type.String({ description: "Only of the snapshot with this id." })),
  type: Type.Optional(Type.String({ description: "Only of these types, separated by commas." })),
  from: Type.Optional(Type.String({ description: "RFC 3339: not before. Of a page." })),
  to: Type.Optional(Type.String({ description: "RFC 3339: not after. Of a page." })),
});
