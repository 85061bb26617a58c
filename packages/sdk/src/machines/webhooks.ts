/** `lifecycle.webhooks`: who is told of what happens by a request, and what came of each. */
import { joinPath } from "../http/path.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import type {
  CreateWebhookParams,
  DeliveryList,
  DeliveryParams,
  WebhookChanges,
  WebhookDelivery,
  WebhookInfo,
} from "./webhook-types.ts";

const WEBHOOKS = "/v1/lifecycle/webhooks";

export class Webhooks {
  readonly #connection: MachineConnection;

  constructor(connection: MachineConnection) {
    this.#connection = connection;
  }

  /** Told of what happens from now on. */
  create(params: CreateWebhookParams, options: CallOptions = {}): Promise<WebhookInfo> {
    return this.#connection.call("POST", WEBHOOKS, { body: params, once: true, ...options });
  }

  /** Oldest first. */
  async list(options: CallOptions = {}): Promise<readonly WebhookInfo[]> {
    const { webhooks } = await this.#connection.call<{ readonly webhooks: readonly WebhookInfo[] }>(
      "GET",
      WEBHOOKS,
      options,
    );
    return webhooks;
  }

  get(id: string, options: CallOptions = {}): Promise<WebhookInfo> {
    return this.#connection.call("GET", pathOf(id), options);
  }

  /** What is not named stays. */
  update(id: string, changes: WebhookChanges, options: CallOptions = {}): Promise<WebhookInfo> {
    return this.#connection.call("PATCH", pathOf(id), { body: changes, ...options });
  }

  /** With what waits to be told. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#connection.raw("DELETE", pathOf(id), options);
  }

  /** Sends again all that was given up; how many that are. */
  async replay(id: string, options: CallOptions = {}): Promise<number> {
    const call = { body: {}, ...options };
    const { replayed } = await this.#connection.call<{ readonly replayed: number }>(
      "POST",
      `${pathOf(id)}/replay`,
      call,
    );
    return replayed;
  }

  /** By event, newest first. */
  listDeliveries(id: string, params: DeliveryParams = {}, options: CallOptions = {}): Promise<DeliveryList> {
    return this.#connection.call("GET", `${pathOf(id)}/deliveries`, { query: { ...params }, ...options });
  }

  getDelivery(id: string, deliveryId: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return this.#connection.call("GET", deliveryPath(id, deliveryId), options);
  }

  /** Sent again under the same ids. */
  replayDelivery(id: string, deliveryId: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    const call = { body: {}, ...options };
    return this.#connection.call("POST", `${deliveryPath(id, deliveryId)}/replay`, call);
  }
}

function pathOf(id: string): string {
  return joinPath("v1", "lifecycle", "webhooks", id);
}

function deliveryPath(id: string, deliveryId: string): string {
  return joinPath("v1", "lifecycle", "webhooks", id, "deliveries", deliveryId);
}
