/** Begins a machine's timeout anew at once, and then again and again until it is disposed of. */
import { MAX_TIMER_MS } from "../http/deadline.ts";
import { MachineError } from "./machine-error.ts";
import type { MachineLease } from "./types.ts";

export class Keepalive implements Disposable, AsyncDisposable {
  /** What the last refresh said. */
  lease: MachineLease;
  /** Of the last refresh that failed; the next may succeed. */
  error: unknown;
  readonly #timer: ReturnType<typeof setInterval>;
  #refreshing: Promise<void> = Promise.resolve();

  private constructor(lease: MachineLease, refresh: () => Promise<MachineLease>, everyMs: number) {
    this.lease = lease;
    const again = async (): Promise<void> => {
      try {
        this.lease = await refresh();
      } catch (error) {
        this.error = error;
        if (error instanceof MachineError && error.family === "not-found") this.stop();
      }
    };
    this.#timer = setInterval(
      () => {
        this.#refreshing = again();
      },
      Math.min(everyMs, MAX_TIMER_MS),
    );
  }

  static async start(refresh: () => Promise<MachineLease>, everyMs: number): Promise<Keepalive> {
    return new Keepalive(await refresh(), refresh, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#refreshing;
  }
}
