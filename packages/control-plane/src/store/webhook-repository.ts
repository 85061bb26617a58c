/** Who is told of events by a request of ours. Their secrets are among the sealed values. */
import type { ApiName, OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema, WebhookRow } from "./schema.ts";

export interface WebhookRecord extends Omit<WebhookRow, "topics" | "enabled"> {
  /** Empty: all. */
  readonly topics: readonly string[];
  readonly enabled: boolean;
}

type WebhookChanges = Partial<Pick<WebhookRecord, "url" | "topics" | "enabled" | "cursor">>;

export class WebhookRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(webhook: WebhookRecord): Promise<void> {
    await this.#db
      .insertInto("webhooks")
      .values({ ...webhook, ...asColumns(webhook) })
      .execute();
  }

  async get(id: string): Promise<WebhookRecord | undefined> {
    const row = await this.#db.selectFrom("webhooks").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** Oldest first. */
  async list(orgId: OrgId, api: ApiName): Promise<WebhookRecord[]> {
    const rows = await this.#db
      .selectFrom("webhooks")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("api", "=", api)
      .orderBy("createdAt")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Whether anybody, of any organisation, is to be told of anything. */
  async hasEnabled(): Promise<boolean> {
    const row = await this.#db
      .selectFrom("webhooks")
      .select("id")
      .where("enabled", "=", 1)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Of all organisations: those whose organisation has events that they were not told of, and fewer on their way than that. */
  async behind(maxWaiting: number, limit: number): Promise<WebhookRecord[]> {
    const rows = await this.#db
      .selectFrom("webhooks")
      .innerJoin("eventCounters", "eventCounters.orgId", "webhooks.orgId")
      .selectAll("webhooks")
      .where("webhooks.enabled", "=", 1)
      .whereRef("webhooks.cursor", "<", "eventCounters.lastId")
      .where(
        (eb) =>
          eb
            .selectFrom("webhookDeliveries")
            .select((sub) => sub.fn.countAll<number>().as("count"))
            .whereRef("webhookDeliveries.webhookId", "=", "webhooks.id")
            .where("status", "in", ["queued", "in_progress"]),
        "<",
        maxWaiting,
      )
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  async update(id: string, changes: WebhookChanges, updatedAt: number): Promise<WebhookRecord | undefined> {
    const row = await this.#db
      .updateTable("webhooks")
      .set({ ...changes, ...asColumns(changes), updatedAt })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** `false` when another has told it meanwhile, or it is gone. */
  async advance({ id, cursor }: WebhookRecord, to: number): Promise<boolean> {
    const row = await this.#db
      .updateTable("webhooks")
      .set({ cursor: to })
      .where("id", "=", id)
      .where("cursor", "=", cursor)
      .where("enabled", "=", 1)
      .returning("id")
      .executeTakeFirst();
    return row !== undefined;
  }

  /** With all that it was told or is to be told. */
  async remove(id: string): Promise<boolean> {
    await this.#db.deleteFrom("webhookDeliveries").where("webhookId", "=", id).execute();
    const row = await this.#db.deleteFrom("webhooks").where("id", "=", id).returning("id").executeTakeFirst();
    return row !== undefined;
  }
}

function parse(row: WebhookRow): WebhookRecord {
  return { ...row, topics: JSON.parse(row.topics) as string[], enabled: row.enabled === 1 };
}

function asColumns({ topics, enabled }: WebhookChanges) {
  return {
    ...(topics === undefined ? {} : { topics: JSON.stringify(topics) }),
    ...(enabled === undefined ? {} : { enabled: enabled ? 1 : 0 }),
  } as { topics: string; enabled: number };
}
