/** A sandbox's log from a place on: what commands printed and what happened to it, then what comes. */
import type { Caller, Engine, EventRecord, Sandbox } from "../../../engine/engine.ts";
import type { CommandLog } from "./command-logs.ts";
import type { LogLine } from "./log-line.ts";
import type { LogPlace } from "./log-cursor.ts";

/** A line, and where the reader is who has read it. */
export interface PlacedLine {
  readonly line: LogLine;
  readonly place: LogPlace;
}

interface Followed {
  readonly engine: Pick<Engine, "history" | "events">;
  readonly caller: Caller;
  readonly sandbox: Sandbox["sandbox"];
  readonly log: CommandLog;
}

/** Of what happened before; older events are for the list of events. */
const MAX_PAST = 1000;

/** Ends with the signal, and when the sandbox is gone. */
export async function* followedLog(
  { engine: { history, events }, caller, sandbox, log }: Followed,
  from: LogPlace,
  signal: AbortSignal,
): AsyncGenerator<PlacedLine, void, undefined> {
  const { generation } = log;
  // A daemon that was killed may have lost the last ones, and given their numbers again.
  const lines = from.generation === generation ? Math.min(from.lines, log.count) : 0;
  let place = { ...from, generation, lines };
  const printed = async function* (): AsyncGenerator<PlacedLine, void, undefined> {
    for await (const [number, line] of log.after(place.lines))
      yield { line, place: (place = { ...place, lines: number }) };
  };

  using _held = { [Symbol.dispose]: log.hold() };
  const last = await history.lastId(caller.orgId);
  const past = await history.find(
    caller.orgId,
    { subjectIds: [sandbox.id], after: place.event, upTo: last },
    { order: "desc", offset: 0, limit: MAX_PAST },
  );
  for (const event of past.toReversed())
    yield { line: lineOf(event), place: (place = { ...place, event: event.id }) };
  yield* printed();

  const over = new AbortController();
  const following = events.follow(caller.orgId, {
    after: last,
    signal: AbortSignal.any([signal, over.signal]),
  });
  try {
    let next = following.next();
    while (!signal.aborted) {
      const { changed } = log;
      yield* printed();
      const told = await Promise.race([next, changed]);
      if (told === undefined) continue;
      if (told.done === true) return;
      for (const event of told.value.events) {
        if (event.subjectId !== sandbox.id) continue;
        // What was printed before it comes before it.
        yield* printed();
        yield { line: lineOf(event), place: (place = { ...place, event: event.id }) };
        if (event.toStatus === null) return;
      }
      next = following.next();
    }
  } finally {
    over.abort();
    await following.return();
  }
}

function lineOf({ cause, detail, at, toStatus }: EventRecord): LogLine {
  const failure = toStatus === "error" ? { isFailure: true } : {};
  return { source: "system", at, ...failure, text: `${cause}${detail === null ? "" : `: ${detail}`}\n` };
}
