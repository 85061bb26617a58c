/**
 * The place of a reader in a stream of lifecycle events: what it asks for when it connects, and after it was cut off. From the first event
 * on, a connection that is made anew asks for what came after the last event that was handed out, so each comes once and in order. Before
 * the first one of a reader that wants no replay, the newest event that there was takes that place.
 */
import { toCamel } from "./camel.ts";
import { MachineError } from "./machine-error.ts";
import type { LifecycleEvent, StreamParams } from "./types.ts";

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2000;
/** As many as the server replays. */
const MAX_REPLAY = 1000;
/** What passes by itself; all else that a server says is the end. */
export const PASSING = ["internal", "database_unavailable", "out_of_disk"];

export class StreamPlace {
  #lastEventId: string | undefined;
  #liveOnly: boolean;
  #replayLimit: number | undefined;
  #failures = 0;
  #wantsNewest: boolean;
  readonly #filters: Record<string, string>;

  constructor({ liveOnly = false, afterEventId, replayLimit, ...filters }: StreamParams) {
    this.#filters = filtersOf(filters);
    this.#lastEventId = afterEventId;
    this.#liveOnly = liveOnly;
    this.#replayLimit = replayLimit;
    this.#wantsNewest = afterEventId === undefined && (liveOnly || replayLimit === 0);
  }

  /** Whether the newest event that there is must be known before the first connection is made. */
  get wantsNewest(): boolean {
    return this.#wantsNewest;
  }

  /** `undefined` where there is none yet: all that come are new. */
  beginAfter(eventId: string | undefined): void {
    this.#wantsNewest = false;
    this.#lastEventId = eventId;
    this.#liveOnly = false;
    this.#replayLimit = MAX_REPLAY;
  }

  query(): Record<string, string> {
    if (this.#lastEventId !== undefined) return { ...this.#filters, after_event_id: this.#lastEventId };
    return {
      ...this.#filters,
      ...(this.#liveOnly ? { live_only: "true" } : {}),
      ...(this.#replayLimit === undefined ? {} : { replay_limit: String(this.#replayLimit) }),
    };
  }

  /** The event of a message, if it is one. Throws for what ends the stream. */
  take(text: string): LifecycleEvent | undefined {
    const message = parsed(text);
    if (message["type"] === "gap") {
      throw new MachineError("Events after the one that was seen last are no longer kept", {
        code: "event_gap",
        suggestedAction: "Read the list of events, and stream from the newest",
      });
    }
    if (message["type"] === "error") {
      const code = String(message["code"]);
      if (PASSING.includes(code)) return undefined;
      throw new MachineError(String(message["message"]), { code });
    }
    // Whatever it is, somebody is there.
    this.#failures = 0;
    if (message["type"] !== "event") return undefined;
    const event = toCamel(message["event"]) as LifecycleEvent;
    this.#lastEventId = event.id;
    return event;
  }

  /** Until the next attempt. */
  pauseMs(): number {
    const grown = FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10);
    this.#failures += 1;
    return Math.min(grown, LAST_PAUSE_MS);
  }
}

function filtersOf(
  filters: Omit<StreamParams, "liveOnly" | "afterEventId" | "replayLimit">,
): Record<string, string> {
  const { machineId, snapshotId, operation, status, metadata } = filters;
  const pairs = metadata === undefined ? undefined : JSON.stringify(metadata);
  const given = { machine_id: machineId, snapshot_id: snapshotId, operation, status, metadata: pairs };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

export function parsed(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null) return { ...value };
  throw new MachineError(`A message of the stream cannot be read: ${text.slice(0, 200)}`, {
    code: "invalid_response",
  });
}
