/** `client.events`: what happens to VMs and snapshots, looked back at or followed. */
import { APIConnectionError, FastvmError, InternalServerError } from "./errors.ts";
import { readNdjson } from "./exec/ndjson.ts";
import type { ApiPromise } from "./http/api-promise.ts";
import { bodyOf } from "./http/body-of.ts";
import { sleep } from "./http/deadline.ts";
import { brokenAnswer } from "./http/http-client.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";

export interface Event {
  /** Counts the organisation's events from 1, without gaps. */
  readonly id: number;
  /** RFC 3339. */
  readonly at: string;
  /** `vm.` or `snapshot.` and the cause, such as `vm.pause_succeeded`. */
  readonly type: string;
  /** Of the VM or the snapshot, which may be gone. */
  readonly subjectId: string;
  /** Absent where it began to exist. */
  readonly fromStatus?: string;
  /** Absent where it no longer exists. */
  readonly toStatus?: string;
  /** `key:<id>` of who asked for it, or `system`. */
  readonly actor: string;
  readonly detail?: string;
}

export interface EventPage {
  readonly events: readonly Event[];
  readonly hasMore: boolean;
  /** Of the latest event of all; 0 where there is none. */
  readonly lastId: number;
}

/** What is left out does not matter. */
export interface EventSelection {
  /** Only events above this number. */
  readonly after?: number | undefined;
  /** Id of a VM, which may be gone. */
  readonly vm?: string | undefined;
  readonly snapshot?: string | undefined;
  readonly types?: readonly string[] | undefined;
}

export interface ListEventsParams extends EventSelection {
  /** At most 1,000; default 100. */
  readonly limit?: number | undefined;
  /** Default `asc`, oldest first. */
  readonly order?: "asc" | "desc" | undefined;
  /** RFC 3339. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Some events that were asked for are no longer kept; following goes on with those that are. */
export class EventGapError extends FastvmError {
  override readonly name = "EventGapError";
}

export interface FollowEventsParams extends EventSelection {
  /** Called where events that were to come are no longer kept. Default: an EventGapError is thrown. */
  readonly onGap?: (() => unknown) | undefined;
}

export class Events {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  list(params: ListEventsParams = {}, options?: RequestOptions): ApiPromise<EventPage> {
    const { limit, order, from, to } = params;
    const query = { ...queryOf(params), limit: limit?.toString(), order, from, to };
    return this.#http.json({ method: "GET", path: PATH, query, options });
  }

  /**
   * Each event once and in order, also where the server is restarted in between; without `after` those that come from now on. It does not
   * end by itself: leave the loop, or abort the signal. Throws what the server answers to a wrong key or parameter, and an
   * APIConnectionError when no server was to be reached for five minutes.
   */
  async *follow(
    params: FollowEventsParams = {},
    options: RequestOptions = {},
  ): AsyncGenerator<Event, void, undefined> {
    const { signal } = options;
    const isOver = (): boolean => signal?.aborted === true;
    // Also tells a wrong key at once, and a server that is not there from one that is being restarted.
    const newest = await this.list({ limit: 1 }, options).catch((error: unknown): undefined => {
      if (!isOver()) throw error;
    });
    let after = params.after ?? newest?.lastId;
    let heardAt = Date.now();
    while (!isOver()) {
      try {
        for await (const told of this.#stream({ ...params, after }, options)) {
          heardAt = Date.now();
          if (isEvent(told)) {
            after = told.id;
            yield told;
          } else if (told.type === "gap") tellGap(params);
          else if (told.type === "error")
            throw new APIConnectionError(told.message ?? "The stream of events was cut");
        }
      } catch (error) {
        if (isOver()) return;
        if (!isPassing(error) || Date.now() - heardAt > GIVE_UP_MS) throw error;
      }
      await sleep(AGAIN_MS, signal).catch(() => undefined);
    }
  }

  async *#stream(params: EventSelection, options: RequestOptions): AsyncGenerator<Told, void, undefined> {
    const query = queryOf(params);
    const accept = "application/x-ndjson";
    const answer = await this.#http.open({ method: "GET", path: PATH, query, accept, options });
    try {
      for await (const value of readNdjson(bodyOf(answer.response))) yield value as Told;
    } catch (cause) {
      throw brokenAnswer(cause, answer.deadline);
    } finally {
      answer.deadline.abort();
      answer.deadline.release();
    }
  }
}

const PATH = "/v1/events";
/** Whoever restarts a daemon with many VMs is back by then. */
const GIVE_UP_MS = 300_000;
const AGAIN_MS = 250;

interface Notice {
  readonly type: "live" | "gap" | "error";
  readonly message?: string;
}
type Told = Event | Notice;

function isEvent(told: Told): told is Event {
  return "id" in told;
}

/** As of a server that is being restarted. */
function isPassing(error: unknown): boolean {
  return error instanceof APIConnectionError || error instanceof InternalServerError;
}

function tellGap({ onGap }: FollowEventsParams): void {
  if (onGap === undefined) throw new EventGapError("Events that were asked for are no longer kept");
  onGap();
}

function queryOf({ after, vm, snapshot, types }: EventSelection): Record<string, string | undefined> {
  return { after: after?.toString(), vm, snapshot, type: types?.join(",") };
}
