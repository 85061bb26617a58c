/**
 * What happens, as it happens: `/v1/machines/{id}/lifecycle/ws` of one machine, `/v1/lifecycle/ws` of the account. A bounded replay comes
 * first, or all after the event that the client has seen, then what is new; nothing twice and nothing left out between the two.
 *
 *     → {"type": "event", "event": {…}}      in order
 *     → {"type": "live"}                     the replay is over
 *     → {"type": "gap"}                      events after the one that was named are no longer kept
 *     → {"type": "error", "code", "message"} and the end
 *     ← {"type": "subscribe", …}             what is told from now on, in place of what the URL or the one before said
 *     → {"type": "subscribed"}               it is so, for all that comes behind this
 */
import { LifecycleSubscribeSchema, type LifecycleSubscribe } from "@fastvm/contract";
import type { Caller, EventRecord } from "../../../engine/engine.ts";
import { closeWebSocket } from "../../../http/close-web-socket.ts";
import { send, type Connected } from "../../shared/serve-socket.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { checkersOf, Inbox, parse } from "../sockets/inbox.ts";
import { serveSocket } from "../sockets/serve-socket.ts";
import { numberOf } from "./event-id.ts";
import { eventView } from "./event-view.ts";
import { causesOf } from "./operations-of-causes.ts";
import { subjectsOf, type Subjects } from "./subjects.ts";

const PATH = /^(?:\/nullspace)?\/v1\/(?:machines\/([^/]+)\/)?lifecycle\/ws$/;
const MAX_INPUT_BYTES = 4096;
const MESSAGES = checkersOf({ subscribe: LifecycleSubscribeSchema });
/** Of the URL; others are somebody else's, and say nothing here. */
const CHOICES = ["machine_id", "snapshot_id", "operation", "status", "audience"] as const;
const DEFAULT_REPLAY = 100;
const MAX_REPLAY = 1000;

interface Wanted {
  readonly machineId: string | undefined;
  readonly after: number | undefined;
  readonly isLiveOnly: boolean;
  readonly replay: number;
  readonly choice: Choice;
}

type Choice = Omit<LifecycleSubscribe, "type">;

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
  const choice = choiceOf(query);
  if (!isValid || (given !== null && after === undefined) || choice === undefined) return undefined;
  // An id has nothing in it that is escaped.
  return { machineId: match[1], after, replay, isLiveOnly: query.get("live_only") === "true", choice };
}

function choiceOf(query: URLSearchParams): Choice | undefined {
  const named = CHOICES.flatMap((name) => (query.has(name) ? [[name, query.get(name)] as const] : []));
  const metadata = query.get("metadata");
  try {
    const pairs = metadata === null ? {} : { metadata: JSON.parse(metadata) as unknown };
    return parse(
      JSON.stringify({ type: "subscribe", ...Object.fromEntries(named), ...pairs }),
      MESSAGES,
    ) as Choice;
  } catch {
    return undefined;
  }
}

/** What is told now, and whose that is. */
class Telling {
  readonly #engine: MachinesScope["engine"];
  readonly #caller: Caller;
  readonly #machineId: string | undefined;
  #choice: Choice = {};
  #subjects: Subjects | undefined;

  constructor(engine: MachinesScope["engine"], caller: Caller, machineId: string | undefined) {
    this.#engine = engine;
    this.#caller = caller;
    this.#machineId = machineId;
  }

  async choose(choice: Choice): Promise<void> {
    const subjects = await this.#look(choice);
    [this.#choice, this.#subjects] = [choice, subjects];
  }

  /** The newest of what happened that are chosen, oldest first. */
  async replay(last: number, count: number): Promise<readonly EventRecord[]> {
    const { operation, status } = this.#choice;
    const causes = causesOf({ operation: operation ?? undefined, status: status ?? undefined });
    const filter = { subjectIds: this.#subjects?.ids, causes, upTo: last };
    const slice = { order: "desc", offset: 0, limit: count } as const;
    return (await this.#engine.history.find(this.#caller.orgId, filter, slice)).toReversed();
  }

  /** In the words of this API, those of them that are chosen. */
  async views(events: readonly EventRecord[]) {
    const before = this.#subjects;
    if (before === undefined) return [];
    // A snapshot that was made meanwhile is whose it says.
    if (events.some((event) => before.isNew(event))) this.#subjects = await this.#look(this.#choice, before);
    const subjects = this.#subjects ?? before;
    const { operation, status } = this.#choice;
    return events
      .filter(({ subjectId }) => subjects.ids?.includes(subjectId) ?? true)
      .flatMap((event) => eventView(event, subjects.vmOf) ?? [])
      .filter(
        (view) => (operation ?? view.operation) === view.operation && (status ?? view.status) === view.status,
      );
  }

  #look(chosen: Choice, before?: Subjects): Promise<Subjects> {
    return subjectsOf(this.#engine, this.#caller, {
      machineId: this.#machineId,
      chosen,
      ...(before === undefined ? {} : { before }),
    });
  }
}

async function tell(
  { engine }: Pick<MachinesScope, "engine">,
  { caller, socket, signal }: Connected,
  wanted: Wanted,
): Promise<void> {
  const telling = new Telling(engine, caller, wanted.machineId);
  await telling.choose(wanted.choice);
  await using inbox = new Inbox(socket);
  const wrong = new AbortController();
  const listening = (async () => {
    for (let text = await inbox.next(); text !== undefined; text = await inbox.next()) {
      await telling.choose(parse(text, MESSAGES) as Choice);
      await send(socket, { type: "subscribed" });
    }
  })();
  listening.catch(() => wrong.abort());
  const tellAll = async (events: readonly EventRecord[]): Promise<void> => {
    for (const event of await telling.views(events)) await send(socket, { type: "event", event });
  };
  const last = await engine.history.lastId(caller.orgId);
  const from = wanted.after ?? last;
  if (wanted.after === undefined && !wanted.isLiveOnly)
    await tellAll(await telling.replay(last, wanted.replay));
  let isLive = from >= last;
  if (isLive) await send(socket, { type: "live" });
  const ends = AbortSignal.any([signal, wrong.signal]);
  for await (const { events, isAfterGap } of engine.events.follow(caller.orgId, {
    after: from,
    signal: ends,
  })) {
    if (isAfterGap) await send(socket, { type: "gap" });
    await tellAll(events);
    if (isLive || (events.at(-1)?.id ?? 0) < last) continue;
    isLive = true;
    await send(socket, { type: "live" });
  }
  // Of what was said that means nothing, it is told why.
  if (wrong.signal.aborted) await listening;
}
