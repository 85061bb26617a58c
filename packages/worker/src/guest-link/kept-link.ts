/**
 * A VM's guest link as its callers have it: it stands, or it is on its way. A silent guest is not a dead one, so a link that was lost,
 * or that nobody has answered yet, is opened again for as long as the VM runs. Whoever needs it waits until a deadline of its own.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";
import { within } from "./deadline.ts";
import type { WaitOptions } from "./deadline.ts";
import type { GuestLink } from "./guest-link.ts";

/** Opens a link within this time, or rejects. */
export type OpenLink = (deadlineMs: number, signal: AbortSignal) => Promise<GuestLink>;

/** A guest under load answers in seconds. Then another session is begun, in case the guest has lost this one. */
const ATTEMPT_MS = 60_000;
/** Between attempts: a guest may break each link that it is given, and must not keep us busy. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 10_000;
/** A link that stood for so long was a good one. */
const STEADY_MS = 10_000;
/** Of a caller that has no deadline. */
const WAIT_MS = 30_000;

export class KeptLink {
  readonly #open: OpenLink | undefined;
  readonly #ended = new AbortController();
  #link: GuestLink | undefined;
  #arrival = newArrival();
  #cause = new FastvmError("vm_died", "its link was closed");

  /** `link`: one that stands. Without `open` one that is lost stays lost. */
  constructor({ link, open }: { readonly link?: GuestLink; readonly open?: OpenLink }) {
    this.#open = open;
    void this.#keep(link);
  }

  /** The link, if it stands now. */
  get current(): GuestLink | undefined {
    return this.#link;
  }

  /** Rejects with `guest_unresponsive` at the deadline (default 30 s), with the signal's reason, or with the cause of the VM's end. */
  async get({ signal, deadlineMs = WAIT_MS }: WaitOptions = {}): Promise<GuestLink> {
    if (this.#link !== undefined) return this.#link;
    return await within(this.#arrival.promise, {
      signal,
      deadlineMs: Math.min(deadlineMs, WAIT_MS),
      what: "answer the handshake",
    });
  }

  close(cause = this.#cause): void {
    this.#cause = cause;
    this.#link?.close(cause);
    this.#link = undefined;
    this.#ended.abort(cause);
    this.#arrival.reject(cause);
  }

  async #keep(first: GuestLink | undefined): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let link = first; !this.#ended.signal.aborted; link = undefined) {
      link ??= await this.#tryOpen();
      if (link !== undefined && (await this.#standsFor(link)) > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      if (this.#open === undefined) return this.close();
      await sleep(pauseMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
  }

  async #tryOpen(): Promise<GuestLink | undefined> {
    return await this.#open?.(ATTEMPT_MS, this.#ended.signal).catch(() => undefined);
  }

  /** How long it did, in ms. */
  async #standsFor(link: GuestLink): Promise<number> {
    const since = performance.now();
    if (this.#ended.signal.aborted) {
      link.close(this.#cause);
      return 0;
    }
    this.#link = link;
    this.#arrival.resolve(link);
    await link.closed;
    this.#link = undefined;
    this.#arrival = newArrival();
    if (this.#ended.signal.aborted) this.#arrival.reject(this.#cause);
    return performance.now() - since;
  }
}

function newArrival(): PromiseWithResolvers<GuestLink> {
  const arrival = Promise.withResolvers<GuestLink>();
  // Often nobody waits.
  arrival.promise.catch(() => undefined);
  return arrival;
}
