/** `client.webhooks`: URLs to which the organisation's events are sent, and what came of each. */
import type { Event } from "./events.ts";
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";
import { joinPath } from "./http/path.ts";
import type { DeletedResource } from "./vms/vm.ts";

export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Of which it is told; empty: of all. */
  readonly types: readonly string[];
  /** Of what happens while it is not, it is never told. */
  readonly enabled: boolean;
  /** RFC 3339, with its zone, like the others. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface NewWebhook extends Webhook {
  /** Where one was made; no other answer has it. */
  readonly secret?: string;
}

export interface CreateWebhookParams {
  /** http or https, and in no private network. It is asked by POST; redirections are not followed. */
  readonly url: string;
  /** Such as `vm.pause_succeeded`. Default: all. */
  readonly types?: readonly string[] | undefined;
  /** What is sent is signed with it: 16 characters or more. Default: one is made. */
  readonly secret?: string | undefined;
}

export interface UpdateWebhookParams extends Partial<CreateWebhookParams> {
  readonly enabled?: boolean | undefined;
}

export interface WebhookAttempt {
  readonly at: string;
  readonly tookMs: number;
  /** Of the answer; absent: none came. */
  readonly status?: number;
  /** Absent: it was taken. */
  readonly error?: string;
}

export interface WebhookDelivery {
  /** The same in each attempt. */
  readonly id: string;
  readonly webhookId: string;
  /** `dead_letter`: it was given up; it can be replayed. */
  readonly status: "queued" | "in_progress" | "succeeded" | "dead_letter";
  readonly event: Event;
  /** The latest, oldest first. */
  readonly attempts: readonly WebhookAttempt[];
  /** Absent of one that is finished. */
  readonly nextAttemptAt?: string;
  readonly createdAt: string;
  readonly finishedAt?: string;
}

export interface WebhookDeliveryPage {
  readonly deliveries: readonly WebhookDelivery[];
  readonly hasMore: boolean;
}

export interface ListWebhookDeliveriesParams {
  readonly status?: WebhookDelivery["status"] | undefined;
  /** Default 0. */
  readonly offset?: number | undefined;
  /** At most 100; default 50. */
  readonly limit?: number | undefined;
}

export type WebhookRef = string | Pick<Webhook, "id">;

export class Webhooks {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Oldest first. */
  list(options?: RequestOptions): ApiPromise<readonly Webhook[]> {
    return this.#http.json({ method: "GET", path: "/v1/webhooks", options });
  }

  /** It is sent what happens from now on. Keep the secret that is made: no other answer has it. */
  create(params: CreateWebhookParams, options?: RequestOptions): ApiPromise<NewWebhook> {
    return this.#http.json({ method: "POST", path: "/v1/webhooks", body: params, options });
  }

  /** Throws NotFoundError when there is none, as do the calls below. */
  retrieve(webhook: WebhookRef, options?: RequestOptions): ApiPromise<Webhook> {
    return this.#http.json({ method: "GET", path: pathOf(webhook), options });
  }

  /** What waits to be sent goes to the new URL, signed with the new secret. */
  update(webhook: WebhookRef, params: UpdateWebhookParams, options?: RequestOptions): ApiPromise<Webhook> {
    return this.#http.json({ method: "PATCH", path: pathOf(webhook), body: params, options });
  }

  /** With what waits to be sent. */
  delete(webhook: WebhookRef, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(webhook), options });
  }

  /** Sends again all that was given up. */
  replay(webhook: WebhookRef, options?: RequestOptions): ApiPromise<{ readonly replayed: number }> {
    return this.#http.json({ method: "POST", path: pathOf(webhook, "replay"), options });
  }

  /** By event, newest first. */
  deliveries(
    webhook: WebhookRef,
    params: ListWebhookDeliveriesParams = {},
    options?: RequestOptions,
  ): ApiPromise<WebhookDeliveryPage> {
    const { status, offset, limit } = params;
    const query = { status, offset: offset?.toString(), limit: limit?.toString() };
    return this.#http.json({ method: "GET", path: pathOf(webhook, "deliveries"), query, options });
  }

  delivery(webhook: WebhookRef, deliveryId: string, options?: RequestOptions): ApiPromise<WebhookDelivery> {
    return this.#http.json({ method: "GET", path: pathOf(webhook, "deliveries", deliveryId), options });
  }

  /** Sends one event again, under the same ids. */
  replayDelivery(
    webhook: WebhookRef,
    deliveryId: string,
    options?: RequestOptions,
  ): ApiPromise<WebhookDelivery> {
    const path = pathOf(webhook, "deliveries", deliveryId, "replay");
    return this.#http.json({ method: "POST", path, options });
  }
}

function pathOf(webhook: WebhookRef, ...rest: readonly string[]): string {
  return joinPath("v1", "webhooks", typeof webhook === "string" ? webhook : webhook.id, ...rest);
}
