/**
 * Keeps one VM's proxy up for as long as the VM is connected. Between two proxies the kernel leads what is intercepted to nobody and
 * drops it, as it does from the moment at which the VM has the policy (firewall/render-intercept.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { BlockedRequest, InterceptionOrder } from "@fastvm/contract";
import type { Question, Verdict } from "@fastvm/egress-proxy";
import { SerialQueue } from "../concurrency/serial-queue.ts";
import { ProxyProcess } from "./proxy-process.ts";
import type { ProxyHost, ProxyPorts } from "./proxy-process.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** One that lived for so long did not end by what its order is. */
const STABLE_MS = 60_000;

interface InterceptionOptions {
  readonly host: ProxyHost;
  readonly name: string;
  judge(question: Question): Verdict;
  blocked(blocked: BlockedRequest): void;
  /** Resolves when the kernel leads connections there; `undefined`: nowhere. */
  lead(ports: ProxyPorts | undefined): Promise<void>;
  readonly onError: (error: unknown) => void;
}

export class Interception {
  readonly #options: InterceptionOptions;
  readonly #queue = new SerialQueue();
  readonly #closing = new AbortController();
  #order: InterceptionOrder | undefined;
  #process: ProxyProcess | undefined;
  /** By the order that it has. */
  #isArmed = false;
  /** From the end of one until another is armed. */
  #isReplacing = false;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: InterceptionOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when connections are intercepted by this order. Rejects where that cannot be; then they are dropped. */
  arm(order: InterceptionOrder): Promise<void> {
    const isSame = isDeepStrictEqual(this.#order, order);
    this.#order = order;
    // Whoever is told the same again, as by a daemon that was started anew, loses no connection.
    return this.#queue.run(() => this.#bringUp({ isSame }));
  }

  /** What was decided by another policy is over: resolves when no connection is left of it. A proxy that does not see to that is ended. */
  async renew(): Promise<void> {
    const before = this.#process;
    // One that is yet to come up decides by the policy that is in force.
    if (before === undefined) return;
    await this.#queue
      .run(() => this.#bringUp())
      .catch(async (error: unknown) => {
        this.#options.onError(error);
        await before.end();
      });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#queue.run(async () => {
      await this.#process?.end();
      this.#process = undefined;
      this.#order = undefined;
    });
  }

  async #bringUp({ isSame = false } = {}): Promise<void> {
    const order = this.#order;
    if (this.#closing.signal.aborted || order === undefined) return;
    if (this.#process === undefined) {
      const started = await ProxyProcess.start(this.#options.host, this.#options.name, this.#options);
      this.#process = started;
      const startedAtMs = Date.now();
      void started.ended.then(() => this.#afterEnd(started, startedAtMs));
    } else if (isSame && this.#isArmed) return;
    this.#isArmed = false;
    const given = this.#process;
    await given.give(order);
    await this.#options.lead(given.ports);
    // It may have ended meanwhile.
    this.#isArmed = this.#process === given;
  }

  /** Somebody killed it, or it failed: another one takes its place, later where they end one after the other. */
  async #afterEnd(ended: ProxyProcess, startedAtMs: number): Promise<void> {
    if (this.#process !== ended) return;
    this.#process = undefined;
    this.#isArmed = false;
    const { onError } = this.#options;
    if (this.#closing.signal.aborted) return;
    onError(new Error(`The egress proxy ${this.#options.name} ended`));
    this.#pauseMs =
      Date.now() - startedAtMs > STABLE_MS ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    if (this.#isReplacing) return;
    this.#isReplacing = true;
    while (!this.#closing.signal.aborted && !this.#isArmed) {
      await sleep(this.#pauseMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      await this.#queue.run(() => this.#bringUp({ isSame: true })).catch(onError);
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    }
    this.#isReplacing = false;
  }
}
