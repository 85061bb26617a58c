/**
 * Notices a guest that has stopped answering while commands or transfers are open, so that none of them waits for
 * ever. An idle link has no timer and sends nothing: a VM that does nothing is not woken.
 */

interface SilenceWatchOptions {
  /** Silence after which the guest counts as gone, in ms. */
  readonly limitMs: number;
  /** Whether anybody waits for the guest now. */
  readonly isBusy: () => boolean;
  /** Asks the guest for a sign of life. */
  readonly probe: () => void;
  readonly onSilent: () => void;
}

/** Looks per limit: silence is noticed at most a quarter of the limit late. */
const LOOKS = 4;

export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #silentLooks = 0;
  #heard = false;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  /** The guest gave a sign of life. */
  heard(): void {
    this.#heard = true;
  }

  /** Somebody began to wait. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#silentLooks = 0;
    this.#heard = true;
    this.#timer = setInterval(() => this.#look(), this.#options.limitMs / LOOKS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (!this.#options.isBusy()) return this.stop();
    this.#silentLooks = this.#heard ? 0 : this.#silentLooks + 1;
    this.#heard = false;
    if (this.#silentLooks >= LOOKS) {
      this.stop();
      this.#options.onSilent();
    } else if (this.#silentLooks > 0) {
      this.#options.probe();
    }
  }
}
