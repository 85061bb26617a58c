/** What a stream of events tells, in whatever form: all after a number, then what comes. */
import type { EventNotice, EventView, OrgId } from "@fastvm/contract";
import type { Engine, EventFilter } from "../../../engine/engine.ts";
import { eventView } from "../views/event-view.ts";
import { matches } from "./event-query.ts";

export type Told = EventView | EventNotice;

export function isEvent(told: Told): told is EventView {
  return "id" in told;
}

/** Ends with the signal, or with the server. */
export async function* followedEvents(
  { history, events }: Pick<Engine, "history" | "events">,
  orgId: OrgId,
  filter: EventFilter,
  signal: AbortSignal,
): AsyncGenerator<Told, void, undefined> {
  const last = await history.lastId(orgId);
  const after = filter.after ?? last;
  let isLive = after === last;
  if (isLive) yield { type: "live" };
  for await (const page of events.follow(orgId, { after, signal })) {
    if (page.isAfterGap) yield { type: "gap" };
    for (const event of page.events) if (matches(filter, event)) yield eventView(event);
    if (isLive || (page.events.at(-1)?.id ?? last) < last) continue;
    isLive = true;
    yield { type: "live" };
  }
}
