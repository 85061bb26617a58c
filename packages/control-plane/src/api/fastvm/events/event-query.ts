/** Which events a client asks for. */
import { FastvmError } from "@fastvm/contract";
import { isOfPool, type EventFilter, type EventKind, type EventRecord } from "../../../engine/engine.ts";
import { kindOf, typeOf } from "../views/event-view.ts";

/** More than there are. Databases bound how long a condition may be. */
const MAX_TYPES = 100;

export type Query = Readonly<Record<string, unknown>>;

/** Throws `invalid_request` with the parameter's name. */
export function filterOf(query: Query): EventFilter {
  const subjectIds = [query["vm"], query["snapshot"]].filter((id) => typeof id === "string");
  const types = query["type"];
  return {
    ...(subjectIds.length > 0 && { subjectIds }),
    ...(typeof types === "string" && {
      kinds: kindsIn(types),
    }),
    from: instantIn(query, "from"),
    to: instantIn(query, "to"),
    after: afterIn(query["after"], "after"),
  };
}

function kindsIn(types: string): readonly EventKind[] {
  const given = types.split(",", MAX_TYPES + 1);
  if (given.length > MAX_TYPES) refuse("type", `at most ${MAX_TYPES} types`);
  return given.map((type) => kindOf(type) ?? refuse("type", "as in vm.pause_succeeded,vm.deleted"));
}

/** `undefined` where there is none. */
export function afterIn(given: unknown, field: string): number | undefined {
  if (given === undefined) return undefined;
  const after = Number(given);
  return Number.isSafeInteger(after) && after >= 0 ? after : refuse(field, "the id of an event");
}

/** What a stream tells of what it reads. */
export function matches({ subjectIds, kinds }: EventFilter, event: EventRecord): boolean {
  if (isOfPool(event)) return false;
  const isOfThem = subjectIds === undefined || subjectIds.includes(event.subjectId);
  return isOfThem && (kinds === undefined || kinds.some((kind) => typeOf(kind) === typeOf(event)));
}

/** Of a parameter that need not be there. */
export function instantIn(query: Query, name: string): number | undefined {
  const text = query[name];
  if (typeof text !== "string") return undefined;
  const at = Date.parse(text);
  return Number.isSafeInteger(at) ? at : refuse(name, "an instant such as 2026-01-31T12:00:00Z");
}

function refuse(field: string, what: string): never {
  throw new FastvmError("invalid_request", `${field} must be ${what}`, { field });
}
