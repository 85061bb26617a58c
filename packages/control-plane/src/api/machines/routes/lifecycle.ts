/** GET /v1/lifecycle and /v1/machines/{machineId}/lifecycle: what happened, by pages. */
import { FastvmError } from "@fastvm/contract";
import type { Caller, EventFilter } from "../../../engine/engine.ts";
import { eventView } from "../lifecycle/event-view.ts";
import { causesOf } from "../lifecycle/operations-of-causes.ts";
import { vmIdOf } from "../ids.ts";
import { subjectsOf } from "../lifecycle/subjects.ts";
import type { MachinesScope } from "../machines-scope.ts";

const DEFAULT_LIMIT = 50;

type Query = Readonly<Record<string, unknown>>;

export function registerLifecycle({ routes, engine }: MachinesScope): void {
  const list = async (caller: Caller, query: Query, machineId?: string) => {
    const chosen = { machine_id: textIn(query, "machine_id"), snapshot_id: textIn(query, "snapshot_id") };
    const { ids, vmOf } = await subjectsOf(engine, caller, { machineId, chosen });
    const [offset, limit] = [Number(query["offset"] ?? 0), Number(query["limit"] ?? DEFAULT_LIMIT)];
    const filter = {
      ...rolesIn(query, ids),
      // As the schema has checked.
      causes: causesOf(query),
      from: instantIn(query, "from"),
      to: instantIn(query, "to"),
    };
    const order = query["order"] === "asc" ? "asc" : "desc";
    // One more, to know whether there is one.
    const found = await engine.history.find(caller.orgId, filter, { order, offset, limit: limit + 1 });
    const events = found.slice(0, limit).flatMap((event) => eventView(event, vmOf) ?? []);
    return { status: 200, body: { events, offset, limit, has_more: found.length > limit } };
  };
  routes.serve("listLifecycle", ({ query }, caller) => list(caller, query));
  routes.serve("listMachineLifecycle", ({ params, query }, caller) => list(caller, query, params.machineId));
}

/** Also those that nobody has. */
function rolesIn(query: Query, ids: readonly string[] | undefined): EventFilter {
  const [source, target] = [textIn(query, "source_machine_id"), textIn(query, "target_machine_id")];
  const ofTarget = target === undefined ? ids : one(vmIdOf(target)).filter((id) => ids?.includes(id) ?? true);
  return {
    subjectIds: ofTarget,
    ...(source === undefined ? {} : { sourceVmIds: one(vmIdOf(source)) }),
    ...(target === undefined ? {} : { hasSource: true }),
  };
}

function one<T>(id: T | undefined): T[] {
  return id === undefined ? [] : [id];
}

function textIn(query: Query, name: string): string | undefined {
  const text = query[name];
  return typeof text === "string" ? text : undefined;
}

function instantIn(query: Query, name: string): number | undefined {
  const text = query[name];
  if (typeof text !== "string") return undefined;
  const at = Date.parse(text);
  if (Number.isSafeInteger(at)) return at;
  throw new FastvmError("invalid_request", `${name} must be an instant such as 2026-01-31T12:00:00Z`, {
    field: name,
  });
}
