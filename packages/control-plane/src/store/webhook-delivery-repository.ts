/** What webhooks are to be told, or were. */
import type { Kysely } from "kysely";
import type { Schema, WebhookDeliveryRow, WebhookDeliveryStatus } from "./schema.ts";

interface WebhookAttempt {
  readonly at: number;
  readonly tookMs: number;
  /** null: it did not come to an answer. */
  readonly answer: number | null;
  /** null: it was taken. */
  readonly error: string | null;
}

export interface WebhookDelivery extends Omit<WebhookDeliveryRow, "attempts"> {
  readonly attempts: readonly WebhookAttempt[];
}

export interface DeliverySlice {
  readonly status?: WebhookDeliveryStatus | undefined;
  readonly offset: number;
  readonly limit: number;
}

/** SQLite takes so many values in one statement. */
const ROWS_AT_ONCE = 256;
const UNFINISHED: readonly WebhookDeliveryStatus[] = ["queued", "in_progress"];

export class WebhookDeliveryRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(deliveries: readonly WebhookDelivery[]): Promise<void> {
    for (let from = 0; from < deliveries.length; from += ROWS_AT_ONCE) {
      const rows = deliveries.slice(from, from + ROWS_AT_ONCE);
      await this.#db
        .insertInto("webhookDeliveries")
        .values(rows.map((row) => ({ ...row, attempts: JSON.stringify(row.attempts) })))
        .execute();
    }
  }

  async get(webhookId: string, id: string): Promise<WebhookDelivery | undefined> {
    const row = await this.#db
      .selectFrom("webhookDeliveries")
      .selectAll()
      .where("id", "=", id)
      .where("webhookId", "=", webhookId)
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** Of all organisations. */
  async count(statuses: readonly WebhookDeliveryStatus[]): Promise<number> {
    const row = await this.#db
      .selectFrom("webhookDeliveries")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("status", "in", statuses)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** By event, newest first. */
  async list(webhookId: string, { status, offset, limit }: DeliverySlice): Promise<WebhookDelivery[]> {
    let query = this.#db.selectFrom("webhookDeliveries").selectAll().where("webhookId", "=", webhookId);
    if (status !== undefined) query = query.where("status", "=", status);
    const rows = await query.orderBy("eventId", "desc").offset(offset).limit(limit).execute();
    return rows.map((row) => parse(row));
  }

  /** Of all organisations: what is to be sent now, or was taken by somebody who is gone, the longest due first. */
  async due(now: number, but: readonly string[], limit: number): Promise<WebhookDelivery[]> {
    let query = this.#db
      .selectFrom("webhookDeliveries")
      .innerJoin("webhooks", "webhooks.id", "webhookDeliveries.webhookId")
      .selectAll("webhookDeliveries")
      .where("webhooks.enabled", "=", 1)
      .where("webhookDeliveries.status", "in", UNFINISHED)
      .where("webhookDeliveries.dueAt", "<=", now);
    if (but.length > 0) query = query.where("webhookDeliveries.webhookId", "not in", but);
    const rows = await query
      .orderBy("webhookDeliveries.dueAt")
      .orderBy("webhookDeliveries.eventId")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Taken until then. `undefined` when another was faster. */
  async claim(
    { id, status, dueAt, tries }: WebhookDelivery,
    until: number,
  ): Promise<WebhookDelivery | undefined> {
    const row = await this.#db
      .updateTable("webhookDeliveries")
      .set({ status: "in_progress", dueAt: until, tries: tries + 1 })
      .where("id", "=", id)
      .where("status", "=", status)
      .where("dueAt", "=", dueAt)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** What came of it, unless it is another's by now. */
  async settle(
    { id, dueAt }: WebhookDelivery,
    to: Pick<WebhookDelivery, "status" | "tries" | "dueAt" | "attempts" | "finishedAt">,
  ): Promise<void> {
    await this.#db
      .updateTable("webhookDeliveries")
      .set({ ...to, attempts: JSON.stringify(to.attempts) })
      .where("id", "=", id)
      .where("status", "=", "in_progress")
      .where("dueAt", "=", dueAt)
      .execute();
  }

  /** One that is finished, or all of one webhook's that are given up, once more from the start. Resolves to how many. */
  async queueAnew(
    webhookId: string,
    which: { readonly id: string } | "dead_letter",
    now: number,
  ): Promise<number> {
    const query = this.#db
      .updateTable("webhookDeliveries")
      .set({ status: "queued", tries: 0, dueAt: now, finishedAt: null })
      .where("webhookId", "=", webhookId);
    const meant =
      which === "dead_letter"
        ? query.where("status", "=", which)
        : query.where("id", "=", which.id).where("status", "not in", UNFINISHED);
    return (await meant.returning("id").execute()).length;
  }

  /** Those that were finished before. */
  async removeFinished(status: "succeeded" | "dead_letter", before: number): Promise<void> {
    await this.#db
      .deleteFrom("webhookDeliveries")
      .where("status", "=", status)
      .where("finishedAt", "<", before)
      .execute();
  }
}

function parse(row: WebhookDeliveryRow): WebhookDelivery {
  return { ...row, attempts: JSON.parse(row.attempts) as WebhookAttempt[] };
}
