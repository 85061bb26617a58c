/** What happens to all machines of an account. */
import { MachineConnection } from "./connection.ts";
import type { CallOptions, MachineOptions } from "./connection.ts";
import { eventStream, lifecycleQuery, subscribeTo } from "./event-stream.ts";
import type { SubscribeListeners, Subscription } from "./event-stream.ts";
import type { LifecycleEvent, LifecycleList, LifecycleParams, StreamParams } from "./types.ts";
import { Webhooks } from "./webhooks.ts";

export class Lifecycle {
  readonly webhooks: Webhooks;
  readonly #connection: MachineConnection;

  constructor(options: MachineOptions = {}) {
    this.#connection = new MachineConnection(options);
    this.webhooks = new Webhooks(this.#connection);
  }

  /** Newest first unless `order` is `asc`. */
  listEvents(params: LifecycleParams = {}, options: CallOptions = {}): Promise<LifecycleList> {
    return this.#connection.call("GET", "/v1/lifecycle", { query: lifecycleQuery(params), ...options });
  }

  /** As `Machine.streamEvents`, of all machines. */
  streamEvents(
    params: StreamParams = {},
    options: CallOptions = {},
  ): AsyncGenerator<LifecycleEvent, void, undefined> {
    const newest = async () => (await this.listEvents({ limit: 1 }, options)).events[0]?.id;
    return eventStream({ connection: this.#connection, path: "/v1/lifecycle/ws", newest }, params, options);
  }

  subscribe(listeners: SubscribeListeners, params: StreamParams = {}): Subscription {
    return subscribeTo((options) => this.streamEvents(params, options), listeners);
  }
}
