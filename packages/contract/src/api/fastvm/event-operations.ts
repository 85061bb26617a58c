/** The operation on events: a part of the table. */
import type { Operation } from "../operation.ts";
import { EventPageSchema, EventQuerySchema, EventSchema, StreamedEventSchema } from "./schemas/event.ts";

export const EVENT_OPERATIONS = {
  listEvents: {
    method: "GET",
    path: "/v1/events",
    tag: "Events",
    summary: "Read what happened to VMs and snapshots, or follow it",
    description:
      "With `Accept: text/event-stream` or `application/x-ndjson` the connection stays open and tells what comes, after " +
      "all that came since `after` or, when it is sent, since `Last-Event-ID`: so whoever was cut off goes on without a " +
      "gap. Also as a WebSocket at `/v1/events/ws`, a message each, with the same parameters.",
    query: EventQuerySchema,
    responses: { 200: EventPageSchema },
    ndjson: StreamedEventSchema,
    sse: EventSchema,
    errors: [],
  },
} as const satisfies Record<string, Operation>;
