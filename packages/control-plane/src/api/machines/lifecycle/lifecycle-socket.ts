/**
 * What happens, as it happens: `/v1/machines/{id}/lifecycle/ws` of one machine, `/v1/lifecycle/ws` of the account. A bounded replay comes
 * first, or all after the event that the client has seen, then what is new; nothing twice and nothing left out between the two.
 *
 *     → {"type": "event", "event": {…}}      in order
 *     → {"type": "live"}                     the replay is over
 *     → {"type": "gap"}                      events after the one that was named are no longer kept
 *     → {"type": "error", "code", "message"} and the end
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { hasScope, machineErrorCode, REQUEST_ID_HEADER } from "@fastvm/contract";
import { WebSocketServer, type WebSocket } from "ws";
import { asFastvmError, type Caller, type EventRecord, type KeyHolder } from "../../../engine/engine.ts";
import { inNameOf } from "../../../http/request-ids.ts";
import { onUpgrade, refuseUpgrade } from "../../../http/upgrades.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { presentedKey } from "../presented-key.ts";
import { numberOf } from "./event-id.ts";
import { eventView } from "./event-view.ts";
import { subjectsOf, type Subjects } from "./subjects.ts";

const PATH = /^(?:\/nullspace)?\/v1\/(?:machines\/([^/]+)\/)?lifecycle\/ws$/;
/** Nobody has anything to say here. */
const MAX_INPUT_BYTES = 4096;
/** As clients expect. A vanished one is noticed within two of these. */
const PING_EVERY_MS = 15_000;
const DEFAULT_REPLAY = 100;
const MAX_REPLAY = 1000;

interface Wanted {
  readonly machineId: string | undefined;
  readonly after: number | undefined;
  readonly isLiveOnly: boolean;
  readonly replay: number;
}

export function serveLifecycleSockets({ scope, engine, log }: Omit<MachinesScope, "routes">): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_INPUT_BYTES });
  const handle = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    const id = String(request.headers[REQUEST_ID_HEADER]);
    const onError = (): void => void connection.destroy();
    connection.on("error", onError);
    const key = presentedKey(request.headers);
    const answer = (caller: KeyHolder | undefined): void => {
      if (caller === undefined) return refuseUpgrade(connection, "401 Unauthorized", id);
      if (!hasScope(caller.scopes, "read")) return refuseUpgrade(connection, "403 Forbidden", id);
      if (caller.rate?.isOver === true) return refuseUpgrade(connection, "429 Too Many Requests", id);
      const wanted = wantedOf(request);
      if (wanted === undefined) return refuseUpgrade(connection, "400 Bad Request", id);
      connection.off("error", onError);
      sockets.handleUpgrade(request, connection, head, (socket) => {
        void run({ engine, log }, caller, wanted, socket);
      });
    };
    inNameOf(id, () => {
      const caller = key === undefined ? Promise.resolve(undefined) : engine.keys.holderOf(key, "nullspace");
      caller.then(answer, () => refuseUpgrade(connection, "503 Service Unavailable", id));
    });
  };
  onUpgrade(scope.server, { path: PATH, handle });
  scope.addHook("preClose", async () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

/** `undefined` for parameters that say nothing. */
function wantedOf({ url = "" }: IncomingMessage): Wanted | undefined {
  const parsed = URL.parse(url, "http://localhost");
  const match = PATH.exec(parsed?.pathname ?? "");
  if (parsed === null || match === null) return undefined;
  const { searchParams: query } = parsed;
  const given = query.get("after_event_id");
  const after = given === null ? undefined : numberOf(given);
  const replay = Number(query.get("replay_limit") ?? DEFAULT_REPLAY);
  const isValid = Number.isInteger(replay) && replay >= 0 && replay <= MAX_REPLAY;
  if (!isValid || (given !== null && after === undefined)) return undefined;
  // An id has nothing in it that is escaped.
  return { machineId: match[1], after, replay, isLiveOnly: query.get("live_only") === "true" };
}

type Parts = Pick<MachinesScope, "engine" | "log">;

async function run(parts: Parts, caller: Caller, wanted: Wanted, socket: WebSocket): Promise<void> {
  const gone = new AbortController();
  socket.on("error", () => socket.terminate());
  socket.once("close", () => gone.abort());
  const stopPinging = ping(socket);
  try {
    await tell(parts, caller, wanted, { socket, signal: gone.signal });
    socket.close(1001);
  } catch (error) {
    if (gone.signal.aborted) return;
    const { code, field, message } = asFastvmError(error);
    parts.log.warn({ err: error }, "a stream of events was cut");
    await send(socket, { type: "error", code: machineErrorCode(code, field), message }).catch(
      () => undefined,
    );
    socket.close(1011);
  } finally {
    stopPinging();
  }
}

interface Listener {
  readonly socket: WebSocket;
  readonly signal: AbortSignal;
}

async function tell(
  { engine }: Parts,
  caller: Caller,
  wanted: Wanted,
  { socket, signal }: Listener,
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

/** Resolves when it is on its way, so that a slow reader holds up its own stream alone, and no memory. */
function send(socket: WebSocket, message: object): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
  });
}

/** Two that are not answered are the end. */
function ping(socket: WebSocket): () => void {
  let missed = 0;
  socket.on("pong", () => {
    missed = 0;
  });
  const timer = setInterval(() => {
    if (missed >= 2) return socket.terminate();
    missed += 1;
    socket.ping();
  }, PING_EVERY_MS);
  return () => clearInterval(timer);
}
