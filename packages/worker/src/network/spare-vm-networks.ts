/**
 * Networks of VMs made ahead, so that neither a launch nor a fork to ten waits for one. Refilled
 * when nobody has taken any for a while: on few cores it would slow the launch it follows.
 */
import type { VmNetwork } from "./vm-network.ts";
import type { VmNetworkMaker } from "./vm-network-maker.ts";

/** A fork to ten finds one for each child. Each costs the kernel some 100 KiB. */
const SPARES = 12;
const REFILL_QUIET_MS = 250;

export class SpareVmNetworks {
  readonly #maker: VmNetworkMaker;
  readonly #onError: (error: unknown) => void;
  readonly #spares: VmNetwork[] = [];
  #timer: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  #takes = 0;
  #closed = false;

  constructor(maker: VmNetworkMaker, onError: (error: unknown) => void) {
    this.#maker = maker;
    this.#onError = onError;
    this.#refillSoon();
  }

  async take(): Promise<VmNetwork> {
    this.#takes++;
    this.#refillSoon();
    return this.#spares.shift() ?? (await this.#maker.make());
  }

  /** Makes no more and hands over what there is. */
  async close(): Promise<readonly VmNetwork[]> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#filling;
    return this.#spares.splice(0);
  }

  #refillSoon(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#filling ??= this.#fill()
        .catch(this.#onError)
        .finally(() => {
          this.#filling = undefined;
          // Takes came in between, or the host refused for now.
          if (this.#spares.length < SPARES) this.#refillSoon();
        });
    }, REFILL_QUIET_MS);
    this.#timer.unref();
  }

  async #fill(): Promise<void> {
    const takes = this.#takes;
    while (!this.#closed && this.#takes === takes && this.#spares.length < SPARES)
      this.#spares.push(await this.#maker.make());
  }
}
