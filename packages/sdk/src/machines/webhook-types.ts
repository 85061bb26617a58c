/** Webhooks on the wire, under TypeScript's names. */
import type { LifecycleEvent } from "./types.ts";

export interface WebhookInfo {
  /** `wh_…`. */
  readonly id: string;
  readonly url: string;
  /** What is told; empty: all. */
  readonly operations: readonly string[];
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface WebhookChanges {
  readonly url?: string | undefined;
  readonly operations?: readonly string[] | undefined;
  /** 16 characters or more; good from now on, for what waits to be told too. */
  readonly signingSecret?: string | undefined;
  /** Of what happens while it is not, it is never told. */
  readonly enabled?: boolean | undefined;
}

export interface CreateWebhookParams {
  readonly url: string;
  /** Default: all. */
  readonly operations?: readonly string[] | undefined;
  /** 16 characters or more, with which requests are signed; no answer has it. */
  readonly signingSecret: string;
}

export type DeliveryStatus = "queued" | "in_progress" | "succeeded" | "dead_letter";

export interface WebhookDelivery {
  /** `del_…`, the same in each attempt. */
  readonly id: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly operation: string;
  readonly status: DeliveryStatus;
  /** The latest, oldest first. */
  readonly attempts: readonly {
    readonly attemptedAt: string;
    readonly durationMs: number;
    readonly responseStatus: number | null;
    readonly error: string | null;
  }[];
  readonly nextAttemptAt: string | null;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  readonly event: LifecycleEvent;
}

export interface DeliveryParams {
  readonly status?: DeliveryStatus | undefined;
  readonly offset?: number | undefined;
  /** Default 50, at most 100. */
  readonly limit?: number | undefined;
}

export interface DeliveryList {
  readonly deliveries: readonly WebhookDelivery[];
  readonly offset: number;
  readonly limit: number;
  readonly hasMore: boolean;
}
