/** Warm pools: machines of a template that run before they are asked for. */
import { sleep } from "../http/deadline.ts";
import { joinPath } from "../http/path.ts";
import { MachineConnection } from "./connection.ts";
import type { CallOptions, MachineOptions } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import type { CreateWarmPoolParams, WarmPoolChanges, WarmPoolInfo } from "./warm-pool-types.ts";

const POOLS = "/v1/template-warm-pools";
const POLL_MS = 250;
/** As long as the first machine of a template may take, which is booted. */
const DEFAULT_WAIT_MS = 300_000;

type Options = MachineOptions & CallOptions;

/** A handle of a pool. Its machines come from `Machine.create({ warmPool: pool.id })`. */
export class WarmPool {
  readonly #connection: MachineConnection;
  readonly #path: string;
  #info: WarmPoolInfo;

  private constructor(connection: MachineConnection, info: WarmPoolInfo) {
    this.#connection = connection;
    this.#path = pathOf(info.id);
    this.#info = info;
  }

  /** It is filled from now on; `waitUntilReady` resolves when it is. */
  static async create(params: CreateWarmPoolParams, options: Options = {}): Promise<WarmPool> {
    const connection = new MachineConnection(options);
    const call = { body: params, once: true, signal: options.signal };
    return new WarmPool(connection, await connection.call<WarmPoolInfo>("POST", POOLS, call));
  }

  static async get(id: string, options: Options = {}): Promise<WarmPool> {
    const connection = new MachineConnection(options);
    const call = { signal: options.signal };
    return new WarmPool(connection, await connection.call<WarmPoolInfo>("GET", pathOf(id), call));
  }

  /** Oldest first. */
  static async list(options: Options = {}): Promise<readonly WarmPoolInfo[]> {
    const call = { signal: options.signal };
    const { warmPools } = await new MachineConnection(options).call<{
      readonly warmPools: readonly WarmPoolInfo[];
    }>("GET", POOLS, call);
    return warmPools;
  }

  /** As the last call had it; `refresh` asks. */
  get info(): WarmPoolInfo {
    return this.#info;
  }

  get id(): string {
    return this.#info.id;
  }

  refresh(options: CallOptions = {}): Promise<WarmPoolInfo> {
    return this.#told(this.#connection.call<WarmPoolInfo>("GET", this.#path, options));
  }

  /** What is not named stays. */
  update(changes: WarmPoolChanges, options: CallOptions = {}): Promise<WarmPoolInfo> {
    const call = { body: changes, ...options };
    return this.#told(this.#connection.call<WarmPoolInfo>("PATCH", this.#path, call));
  }

  /** It is filled and gives out what is ready; ends `disable` and `drain`. */
  enable(options: CallOptions = {}): Promise<WarmPoolInfo> {
    return this.#order("enable", options);
  }

  /** It is not filled and gives out nothing; what is ready stays. */
  disable(options: CallOptions = {}): Promise<WarmPoolInfo> {
    return this.#order("disable", options);
  }

  /** What is ready is ended. */
  drain(options: CallOptions = {}): Promise<WarmPoolInfo> {
    return this.#order("drain", options);
  }

  /** The server looks now at what the pool has, instead of within seconds. */
  reconcile(options: CallOptions = {}): Promise<WarmPoolInfo> {
    return this.#order("reconcile", options);
  }

  /** Resolves when so many are ready, by default all that it keeps; rejects with `timeout`, and says what keeps it from being full. */
  async waitUntilReady(
    minReady?: number,
    { waitMs = DEFAULT_WAIT_MS, signal }: CallOptions & { readonly waitMs?: number } = {},
  ): Promise<WarmPoolInfo> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const info = await this.refresh({ signal });
      const wanted = minReady ?? info.minReady;
      if (info.counts.ready >= wanted) return info;
      const left = deadline - Date.now();
      if (left <= 0) {
        const why = info.conditions.map(({ code, message }) =>
          message === null ? code : `${code}: ${message}`,
        );
        const message = [`${info.counts.ready} of ${wanted} are ready after ${waitMs} ms`, ...why].join("; ");
        throw new MachineError(message, { code: "timeout", retryable: true });
      }
      await sleep(Math.min(POLL_MS, left), signal);
    }
  }

  /** With what is ready in it; machines that came out of it stay. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#connection.raw("DELETE", this.#path, options);
  }

  #order(verb: string, options: CallOptions): Promise<WarmPoolInfo> {
    const call = { body: {}, ...options };
    return this.#told(this.#connection.call<WarmPoolInfo>("POST", `${this.#path}/${verb}`, call));
  }

  async #told(answer: Promise<WarmPoolInfo>): Promise<WarmPoolInfo> {
    this.#info = await answer;
    return this.#info;
  }
}

function pathOf(id: string): string {
  return joinPath("v1", "template-warm-pools", id);
}
