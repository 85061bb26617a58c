/**
 * An organisation's events as they happen, for whoever follows them. A follower holds a number and no events:
 * it reads on when it is told that there are more, so one that is slow costs nothing and loses nothing that
 * the history still has. This process's own commits are told at once; those of others are asked for.
 */
import type { OrgId } from "@fastvm/contract";
import type { EventRecord } from "../../store/event-repository.ts";
import type { Store } from "../../store/store.ts";

/** Of one read: some 100 KiB. */
const MAX_PAGE = 256;

export interface EventPage {
  /** Oldest first, each numbered one above the one before. */
  readonly events: readonly EventRecord[];
  /** Whether events before these are no longer to be had: what was derived from events must be read anew. */
  readonly isAfterGap: boolean;
}

interface FollowOptions {
  /** The number of the last event that is known. Default: the latest there is. */
  readonly after?: number | undefined;
  /** Ends the following, without an error. */
  readonly signal?: AbortSignal | undefined;
}

export class EventFeed {
  readonly #store: Store;
  readonly #pollMs: number;
  readonly #followers = new Map<OrgId, Set<Follower>>();
  /** Of organisations that are followed, as the last question found them. */
  #lastIds: ReadonlyMap<OrgId, number> = new Map();
  readonly #unsubscribe: () => void;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Store, pollMs: number) {
    this.#store = store;
    this.#pollMs = pollMs;
    this.#unsubscribe = store.onEvents((orgId) => this.#wake(orgId));
  }

  /** Ends with the signal or with the feed; rejects when the records cannot be read. */
  async *follow(orgId: OrgId, { after, signal }: FollowOptions = {}): AsyncGenerator<EventPage, void, void> {
    const ended = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    using follower = this.#add(orgId, ended);
    const last = (await this.#store.events.lastIds([orgId])).get(orgId) ?? 0;
    let known = after ?? last;
    // The records are older than what the follower has seen: they were restored.
    if (known > last) {
      known = last;
      yield { events: [], isAfterGap: true };
    }
    while (!ended.aborted) {
      const events = await this.#store.events.after(orgId, known, MAX_PAGE);
      const [first] = events;
      if (first === undefined) {
        await follower.woken();
        continue;
      }
      const isAfterGap = first.id !== known + 1;
      known = events.at(-1)?.id ?? known;
      yield { events, isAfterGap };
    }
  }

  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #add(orgId: OrgId, ended: AbortSignal): Follower {
    const all = this.#followers.get(orgId) ?? new Set();
    const follower = new Follower(ended, () => {
      all.delete(follower);
      if (all.size === 0) this.#followers.delete(orgId);
    });
    this.#followers.set(orgId, all.add(follower));
    this.#timer ??= this.#pollLater();
    return follower;
  }

  #pollLater(): NodeJS.Timeout {
    // A database that is away is asked again; its followers meet that when they read.
    const timer = setTimeout(() => void this.#poll().catch(() => undefined), this.#pollMs);
    return timer.unref();
  }

  async #poll(): Promise<void> {
    try {
      const before = this.#lastIds;
      this.#lastIds = await this.#store.events.lastIds([...this.#followers.keys()]);
      for (const [orgId, lastId] of this.#lastIds) if (before.get(orgId) !== lastId) this.#wake(orgId);
    } finally {
      const isFollowed = this.#followers.size > 0 && !this.#closing.signal.aborted;
      this.#timer = isFollowed ? this.#pollLater() : undefined;
    }
  }

  #wake(orgId: OrgId): void {
    for (const follower of this.#followers.get(orgId) ?? []) follower.wake();
  }
}

/** Told at any time, also while it reads: then it reads once more. */
class Follower implements Disposable {
  #isTold = false;
  #resume: (() => void) | undefined;
  readonly #ended: AbortSignal;
  readonly #onDispose: () => void;
  readonly #onEnd = () => this.wake();

  constructor(ended: AbortSignal, onDispose: () => void) {
    this.#ended = ended;
    this.#onDispose = onDispose;
    ended.addEventListener("abort", this.#onEnd);
  }

  wake(): void {
    this.#isTold = true;
    this.#resume?.();
  }

  async woken(): Promise<void> {
    if (!this.#isTold && !this.#ended.aborted) await new Promise<void>((resolve) => (this.#resume = resolve));
    this.#isTold = false;
  }

  [Symbol.dispose](): void {
    this.#ended.removeEventListener("abort", this.#onEnd);
    this.#onDispose();
  }
}
