/**
 * Tells webhooks what happened: at least once each, by rows alone, so that whoever ends in the middle is replaced by who comes next.
 * What is sent is taken for a time; nobody who is slow or away holds up another.
 */
import { step } from "@fastvm/contract";
import type { WebhookDelivery } from "../../store/webhook-delivery-repository.ts";
import { forEverybody } from "../../for-everybody.ts";
import { attempt, type AttemptContext } from "./attempt.ts";
import { queueEvents, type QueueContext } from "./queue-events.ts";

/** Each is a connection that waits for somebody else. */
const MAX_AT_ONCE = 64;
/** Of one receiver: one that hangs leaves room for fifteen others. */
const MAX_OF_ONE = 4;
/** How often what is finished is looked through for what need not be kept. */
const CLEAN_EVERY_MS = 600_000;
const DAY_MS = 24 * 3_600_000;
const KEPT_MS = { succeeded: 7 * DAY_MS, dead_letter: 30 * DAY_MS } as const;

type DispatchContext = AttemptContext & QueueContext;

export class WebhookDispatcher {
  readonly #ctx: DispatchContext;
  readonly #closing = new AbortController();
  /** By delivery. */
  readonly #sending = new Map<string, Promise<void>>();
  /** By webhook: how many. */
  readonly #counts = new Map<string, number>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;
  #isWanted = false;
  /** As the last look found it: each event is a look, and most hosts have nobody to tell. */
  #hasWebhooks = true;
  #isAway = false;
  #cleanedAt = 0;

  constructor(ctx: DispatchContext) {
    this.#ctx = ctx;
    this.#unsubscribe = ctx.store.onEvents(() => {
      // The first webhook of all rings, or is found by the clock where another process made it.
      if (this.#hasWebhooks) this.wake();
    });
    this.#timer = setInterval(() => this.wake(), ctx.config.webhooks.pollMs);
    this.#timer.unref();
    this.wake();
  }

  wake(): void {
    this.#isWanted = true;
    this.#looking ??= forEverybody(() => this.#look()).finally(() => {
      this.#looking = undefined;
    });
  }

  /** What is being sent is broken off, and sent again by who comes next. */
  async close(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#timer);
    this.#closing.abort(new Error("the daemon ends"));
    await this.#looking;
    await Promise.all(this.#sending.values());
  }

  async #look(): Promise<void> {
    while (this.#isWanted && !this.#closing.signal.aborted) {
      this.#isWanted = false;
      try {
        this.#hasWebhooks = await this.#ctx.store.webhooks.hasEnabled();
        if (this.#hasWebhooks) {
          await queueEvents(this.#ctx);
          await this.#sendDue();
        }
        await this.#clean();
        this.#isAway = false;
      } catch (error) {
        // Once for an outage, however long.
        if (!this.#isAway)
          this.#ctx.log.error({ err: error }, "webhooks cannot be told; tried again until they can");
        this.#isAway = true;
      }
    }
  }

  async #sendDue(): Promise<void> {
    const { store, clock, config } = this.#ctx;
    for (;;) {
      const room = MAX_AT_ONCE - this.#sending.size;
      const busy = [...this.#counts].filter(([, count]) => count >= MAX_OF_ONE).map(([id]) => id);
      const due = room > 0 ? await store.webhookDeliveries.due(clock.now(), busy, room) : [];
      let isBegun = false;
      for (const delivery of due) {
        if (this.#closing.signal.aborted) return;
        if ((this.#counts.get(delivery.webhookId) ?? 0) >= MAX_OF_ONE) continue;
        // Ours still, in a process that was held up for longer than it may be.
        if (this.#sending.has(delivery.id)) continue;
        const until = clock.now() + config.webhooks.takenMs;
        const claimed = await store.webhookDeliveries.claim(delivery, until);
        if (claimed === undefined) continue;
        await step("control.webhook.claimed");
        this.#begin(claimed);
        isBegun = true;
      }
      if (!isBegun) return;
    }
  }

  #begin(claimed: WebhookDelivery): void {
    const { id, webhookId } = claimed;
    this.#counts.set(webhookId, (this.#counts.get(webhookId) ?? 0) + 1);
    const sent = attempt(this.#ctx, claimed, this.#closing.signal)
      .catch((error: unknown) => {
        this.#ctx.log.error({ err: error, deliveryId: id }, "a webhook could not be told; tried again later");
      })
      .finally(() => {
        this.#sending.delete(id);
        const left = (this.#counts.get(webhookId) ?? 0) - 1;
        if (left > 0) this.#counts.set(webhookId, left);
        else this.#counts.delete(webhookId);
        this.wake();
      });
    this.#sending.set(id, sent);
  }

  async #clean(): Promise<void> {
    const { store, clock } = this.#ctx;
    const now = clock.now();
    if (now - this.#cleanedAt < CLEAN_EVERY_MS) return;
    this.#cleanedAt = now;
    for (const status of ["succeeded", "dead_letter"] as const) {
      await store.webhookDeliveries.removeFinished(status, now - KEPT_MS[status]);
    }
  }
}
