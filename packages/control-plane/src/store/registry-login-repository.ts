import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { RegistryLoginRow, Schema } from "./schema.ts";

/** Who an organisation is to registries of images. The passwords are among the sealed values. */
export class RegistryLoginRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** By registry. */
  async list(orgId: OrgId): Promise<RegistryLoginRow[]> {
    return this.#db
      .selectFrom("registryLogins")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("registry")
      .execute();
  }

  async get(orgId: OrgId, registry: string): Promise<RegistryLoginRow | undefined> {
    return this.#db
      .selectFrom("registryLogins")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("registry", "=", registry)
      .executeTakeFirst();
  }

  /** In place of the one before, whose beginning stays. */
  async put(row: RegistryLoginRow): Promise<RegistryLoginRow> {
    const { username, updatedAt } = row;
    return this.#db
      .insertInto("registryLogins")
      .values(row)
      .onConflict((conflict) => conflict.columns(["orgId", "registry"]).doUpdateSet({ username, updatedAt }))
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** Whether there was one. */
  async remove(orgId: OrgId, registry: string): Promise<boolean> {
    const row = await this.#db
      .deleteFrom("registryLogins")
      .where("orgId", "=", orgId)
      .where("registry", "=", registry)
      .returning("registry")
      .executeTakeFirst();
    return row !== undefined;
  }
}
