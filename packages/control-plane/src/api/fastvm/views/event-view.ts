/** An event of the engine as this API tells it. */
import type { EventView } from "@fastvm/contract";
import type { EventKind, EventRecord } from "../../../engine/engine.ts";
import { timestamp } from "./timestamp.ts";

export function eventView(event: EventRecord): EventView {
  const { id, at, subjectId, fromStatus, toStatus, actor, detail } = event;
  return {
    id,
    at: timestamp(at),
    type: typeOf(event),
    subjectId,
    ...(fromStatus !== null && { fromStatus }),
    ...(toStatus !== null && { toStatus }),
    actor,
    ...(detail !== null && { detail }),
  };
}

export function typeOf({ subjectKind, cause }: EventKind): string {
  return `${subjectKind}.${cause}`;
}

/** `undefined` for what is no event's. */
export function kindOf(type: string): EventKind | undefined {
  const [, subjectKind, cause] = /^(vm|snapshot)\.([a-z0-9_]{1,64})$/.exec(type) ?? [];
  return cause === undefined ? undefined : { subjectKind: subjectKind === "vm" ? "vm" : "snapshot", cause };
}
