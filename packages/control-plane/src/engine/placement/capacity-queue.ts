/** Wakes the queue of VMs that wait for room: one drain at a time, again when asked meanwhile, and again later while VMs wait. */
import type { Log } from "../../log.ts";
import { forEverybody } from "../../for-everybody.ts";

/** `empty`: nobody waits. `full`: somebody waits and there is no room. */
export type DrainOutcome = "empty" | "full";

export class CapacityQueue {
  readonly #drain: () => Promise<DrainOutcome>;
  readonly #retryMs: number;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(drain: () => Promise<DrainOutcome>, retryMs: number, log: Log) {
    this.#drain = drain;
    this.#retryMs = retryMs;
    this.#log = log;
  }

  /** Room may have come free. */
  wake(): void {
    if (this.#closed) return;
    if (this.#draining !== undefined) {
      this.#again = true;
      return;
    }
    this.#draining = forEverybody(() => this.#run()).finally(() => {
      this.#draining = undefined;
    });
  }

  /** The host refused although it seemed to have room: ask again, but not at once. */
  wakeLater(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.wake();
    }, this.#retryMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#draining;
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      try {
        if ((await this.#drain()) === "full") this.wakeLater();
      } catch (error) {
        this.#log.error({ err: error }, "the queue of waiting VMs could not be drained");
        this.wakeLater();
      }
    } while (this.#again && !this.#closed);
  }
}
