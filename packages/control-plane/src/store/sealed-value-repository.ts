import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema, SealedValueRow } from "./schema.ts";

/** Secrets, as they are sealed. Nobody here can read them. */
export class SealedValueRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** In place of the one before, if there is one. */
  async put(row: SealedValueRow): Promise<void> {
    await this.#db
      .insertInto("sealedValues")
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(["orgId", "purpose", "name"]).doUpdateSet({ sealed: row.sealed }),
      )
      .execute();
  }

  /** Unless there is one. */
  async putFirst(row: SealedValueRow): Promise<void> {
    await this.#db
      .insertInto("sealedValues")
      .values(row)
      .onConflict((conflict) => conflict.columns(["orgId", "purpose", "name"]).doNothing())
      .execute();
  }

  async get(orgId: OrgId, purpose: string, name: string): Promise<SealedValueRow | undefined> {
    return this.#db
      .selectFrom("sealedValues")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("purpose", "=", purpose)
      .where("name", "=", name)
      .executeTakeFirst();
  }

  /** In their order. */
  async names(orgId: OrgId, purpose: string): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom("sealedValues")
      .select("name")
      .where("orgId", "=", orgId)
      .where("purpose", "=", purpose)
      .orderBy("name")
      .execute();
    return rows.map(({ name }) => name);
  }

  async remove(orgId: OrgId, purpose: string, name: string): Promise<void> {
    await this.#db
      .deleteFrom("sealedValues")
      .where("orgId", "=", orgId)
      .where("purpose", "=", purpose)
      .where("name", "=", name)
      .execute();
  }

  /** Of all organisations, whose sealed form does not begin so. */
  async notBeginning(beginning: string): Promise<SealedValueRow[]> {
    return this.#db
      .selectFrom("sealedValues")
      .selectAll()
      .where("sealed", "not like", `${beginning}%`)
      .execute();
  }

  /** Does nothing when it is another by now. */
  async replace({ orgId, purpose, name, sealed }: SealedValueRow, by: string): Promise<void> {
    await this.#db
      .updateTable("sealedValues")
      .set({ sealed: by })
      .where("orgId", "=", orgId)
      .where("purpose", "=", purpose)
      .where("name", "=", name)
      .where("sealed", "=", sealed)
      .execute();
  }
}
