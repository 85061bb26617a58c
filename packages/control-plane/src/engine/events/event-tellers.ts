/** How an API tells of events to those who gave it a URL for that. What is sent, to whom and how often is the engine's. */
import type { ApiName, OrgId } from "@fastvm/contract";
import type { EventRecord } from "../../store/event-repository.ts";

/** An event in an API's words. */
interface ToldEvent {
  readonly eventId: number;
  /** What it is of, which a webhook may want and another not. */
  readonly topic: string;
  readonly body: string;
}

export interface Letter {
  readonly webhookId: string;
  readonly deliveryId: string;
  readonly eventId: number;
  readonly signature: { readonly version: string; readonly value: string };
}

export interface EventTeller {
  /** Those that this API tells of, in their order. */
  tell(orgId: OrgId, events: readonly EventRecord[]): Promise<readonly ToldEvent[]>;
  headersOf(letter: Letter): Readonly<Record<string, string>>;
}

/** Filled by each API that has webhooks, before anything is sent. */
export type EventTellers = Map<ApiName, EventTeller>;
