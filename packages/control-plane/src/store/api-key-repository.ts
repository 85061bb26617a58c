import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { ApiKeyRow, Schema } from "./schema.ts";

export class ApiKeyRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(key: { id: string; orgId: OrgId; keyHash: string; createdAt: number }): Promise<void> {
    await this.#db.insertInto("apiKeys").values(key).execute();
  }

  async findByHash(keyHash: string): Promise<ApiKeyRow | undefined> {
    return this.#db.selectFrom("apiKeys").selectAll().where("keyHash", "=", keyHash).executeTakeFirst();
  }

  async allHashes(): Promise<string[]> {
    const rows = await this.#db.selectFrom("apiKeys").select("keyHash").execute();
    return rows.map(({ keyHash }) => keyHash);
  }
}
