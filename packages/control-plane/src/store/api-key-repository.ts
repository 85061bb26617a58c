/** API keys, by their hash; the keys themselves are nowhere. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { prepared } from "./prepared.ts";
import type { ApiKeyRow, Schema } from "./schema.ts";

const byHash = prepared((db) => db.selectFrom("apiKeys").selectAll().where("keyHash", "=", ""));

export class ApiKeyRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(key: ApiKeyRow): Promise<void> {
    await this.#db.insertInto("apiKeys").values(key).execute();
  }

  async findByHash(keyHash: string): Promise<ApiKeyRow | undefined> {
    const [row] = await byHash(this.#db, keyHash);
    return row;
  }

  /** Of one organisation, or of all; oldest first. */
  async list(orgId?: OrgId): Promise<ApiKeyRow[]> {
    let query = this.#db.selectFrom("apiKeys").selectAll();
    if (orgId !== undefined) query = query.where("orgId", "=", orgId);
    return query.orderBy("createdAt").orderBy("id").execute();
  }

  /** Whether there was one; with an organisation, only one of its own. */
  async remove(id: string, orgId?: OrgId): Promise<boolean> {
    let query = this.#db.deleteFrom("apiKeys").where("id", "=", id);
    if (orgId !== undefined) query = query.where("orgId", "=", orgId);
    return (await query.returning("id").executeTakeFirst()) !== undefined;
  }

  async noteUse(id: string, lastUsedAt: number): Promise<void> {
    await this.#db.updateTable("apiKeys").set({ lastUsedAt }).where("id", "=", id).execute();
  }

  async allHashes(): Promise<string[]> {
    const rows = await this.#db.selectFrom("apiKeys").select("keyHash").execute();
    return rows.map(({ keyHash }) => keyHash);
  }
}
