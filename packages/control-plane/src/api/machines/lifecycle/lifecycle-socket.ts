/**
 * What happens, as it happens: `/v1/machines/{id}/lifecycle/ws` of one machine, `/v1/lifecycle/ws` of the account. A bounded replay comes
 * first, or all after the event that the client has seen, then what is new; nothing twice and nothing left out between the two.
 *
 *     → {"type": "event", "event": {…}}      in order
 *     → {"type": "live"}                     the replay is over
 *     → {"type": "gap"}                      events after the one that was named are no longer kept
 *     → {"type": "error", "code", "message"} and the end
 */
import type { Caller, EventRecord } from "../../../engine/engine.ts";
import { closeWebSocket } from "../../../http/close-web-socket.ts";
import { send, type Connected } from "../../shared/serve-socket.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { serveSocket } from "../sockets/serve-socket.ts";
import { numberOf } from "./event-id.ts";
import { eventView } from "./event-view.ts";
import { subjectsOf, type Subjects } from "./subjects.ts";

const PATH = /^(?:\/nullspace)?\/v1\/(?:machines\/([^/]+)\/)?lifecycle\/ws$/;
/** Nobody has anything to say here. */
const MAX_INPUT_BYTES = 4096;
const DEFAULT_REPLAY = 100;
const MAX_REPLAY = 1000;

interface Wanted {
  readonly machineId: string | undefined;
  readonly after: number | undefined;
  readonly isLiveOnly: boolean;
  readonly replay: number;
}

/** By which a client knows to come again: a stream has no end but the daemon's. */
const GOING_AWAY = 1001;

export function serveLifecycleSockets(api: Omit<MachinesScope, "routes">): void {
  serveSocket<Wanted>(api, {
    path: PATH,
    needs: "read",
    maxMessageBytes: MAX_INPUT_BYTES,
    wantedOf,
    run: async (connected, wanted) => {
      await tell(api, connected, wanted);
      closeWebSocket(connected.socket, GOING_AWAY);
    },
  });
}

/** `undefined` for parameters that say nothing. */
function wantedOf({ pathname, searchParams: query }: URL): Wanted | undefined {
  const match = PATH.exec(pathname);
  if (match === null) return undefined;
  const given = query.get("after_event_id");
  const after = given === null ? undefined : numberOf(given);
  const replay = Number(query.get("replay_limit") ?? DEFAULT_REPLAY);
  const isValid = Number.isInteger(replay) && replay >= 0 && replay <= MAX_REPLAY;
  if (!isValid || (given !== null && after === undefined)) return undefined;
  // An id has nothing in it that is escaped.
  return { machineId: match[1], after, replay, isLiveOnly: query.get("live_only") === "true" };
}

async function tell(
  { engine }: Pick<MachinesScope, "engine">,
  { caller, socket, signal }: Connected,
  wanted: Wanted,
): Promise<void> {
  let subjects = await subjectsOf(engine, caller, wanted.machineId);
  const tellAll = async (events: readonly EventRecord[]): Promise<void> => {
    // A snapshot that was made meanwhile is whose it says.
    if (
      events.some((event) => event.subjectKind === "snapshot" && subjects.vmOf(event.subjectId) === undefined)
    ) {
      subjects = await subjectsOf(engine, caller, wanted.machineId);
    }
    for (const event of events) {
      const view = isOf(subjects, event) ? eventView(event, subjects.vmOf) : undefined;
      if (view !== undefined) await send(socket, { type: "event", event: view });
    }
  };
  const last = await engine.history.lastId(caller.orgId);
  const from = wanted.after ?? last;
  if (wanted.after === undefined && !wanted.isLiveOnly) {
    await tellAll(await replayed(engine, caller, subjects, { last, count: wanted.replay }));
  }
  let isLive = from >= last;
  if (isLive) await send(socket, { type: "live" });
  for await (const { events, isAfterGap } of engine.events.follow(caller.orgId, { after: from, signal })) {
    if (isAfterGap) await send(socket, { type: "gap" });
    await tellAll(events);
    if (isLive || (events.at(-1)?.id ?? 0) < last) continue;
    isLive = true;
    await send(socket, { type: "live" });
  }
}

async function replayed(
  { history }: MachinesScope["engine"],
  caller: Caller,
  { ids }: Subjects,
  { last, count }: { readonly last: number; readonly count: number },
): Promise<readonly EventRecord[]> {
  const slice = { order: "desc", offset: 0, limit: count } as const;
  return (await history.find(caller.orgId, { subjectIds: ids, upTo: last }, slice)).toReversed();
}

function isOf({ ids }: Subjects, { subjectId }: EventRecord): boolean {
  return ids === undefined || ids.includes(subjectId);
}
