/** Keys under which clients give orders, so that an order which comes again is not carried out again. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { OrderKeyRow, Schema } from "./schema.ts";

export class OrderKeyRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async get(orgId: OrgId, key: string): Promise<OrderKeyRow | undefined> {
    return this.#db
      .selectFrom("orderKeys")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("key", "=", key)
      .executeTakeFirst();
  }

  /** `false` when the key is taken. Whoever takes it at the same time waits until this transaction ends. */
  async add(row: OrderKeyRow): Promise<boolean> {
    const added = await this.#db
      .insertInto("orderKeys")
      .values(row)
      .onConflict((conflict) => conflict.columns(["orgId", "key"]).doNothing())
      .returning("key")
      .executeTakeFirst();
    return added !== undefined;
  }

  /** `false` when somebody else was faster. */
  async replaceSubject(row: OrderKeyRow, subjectId: string, createdAt: number): Promise<boolean> {
    const replaced = await this.#db
      .updateTable("orderKeys")
      .set({ subjectId, createdAt })
      .where("orgId", "=", row.orgId)
      .where("key", "=", row.key)
      .where("subjectId", "=", row.subjectId)
      .returning("key")
      .executeTakeFirst();
    return replaced !== undefined;
  }

  /** The first answer stays. */
  async keepAnswer(orgId: OrgId, key: string, answer: string): Promise<void> {
    await this.#db
      .updateTable("orderKeys")
      .set({ answer })
      .where("orgId", "=", orgId)
      .where("key", "=", key)
      .where("answer", "is", null)
      .execute();
  }

  async removeOlder(than: number): Promise<void> {
    await this.#db.deleteFrom("orderKeys").where("createdAt", "<", than).execute();
  }
}
