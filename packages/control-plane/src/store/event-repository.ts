import type { Insertable, Kysely, Selectable } from "kysely";
import type { EventRow, Schema } from "./schema.ts";

export type NewEvent = Omit<Insertable<EventRow>, "id">;
export type EventRecord = Selectable<EventRow>;

export class EventRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async append(event: NewEvent): Promise<void> {
    await this.#db.insertInto("events").values(event).execute();
  }

  /** Of one VM or snapshot, oldest first. */
  async listFor(subjectId: string): Promise<EventRecord[]> {
    return this.#db
      .selectFrom("events")
      .selectAll()
      .where("subjectId", "=", subjectId)
      .orderBy("id")
      .execute();
  }

  /** Forgets all but about the newest `keep` events: ids are monotonic, so one comparison finds the old ones. */
  async prune(keep: number): Promise<void> {
    const newest = await this.#db
      .selectFrom("events")
      .select((eb) => eb.fn.max("id").as("id"))
      .executeTakeFirst();
    if (newest?.id === undefined || newest.id === null) return;
    await this.#db
      .deleteFrom("events")
      .where("id", "<=", newest.id - keep)
      .execute();
  }
}
