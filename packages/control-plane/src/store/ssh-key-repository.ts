import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema, SshKeyRow } from "./schema.ts";

/** Keys of organisations; those of single VMs are part of the VM's record. */
export class SshKeyRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Whether it was added: no two organisations may have the same key. */
  async add(key: SshKeyRow): Promise<boolean> {
    const row = await this.#db
      .insertInto("sshKeys")
      .values(key)
      .onConflict((conflict) => conflict.column("fingerprint").doNothing())
      .returning("fingerprint")
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Oldest first. */
  async list(orgId: OrgId): Promise<SshKeyRow[]> {
    return this.#db
      .selectFrom("sshKeys")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("createdAt")
      .orderBy("fingerprint")
      .execute();
  }

  /** Whether there was one. */
  async remove(orgId: OrgId, fingerprint: string): Promise<boolean> {
    const row = await this.#db
      .deleteFrom("sshKeys")
      .where("orgId", "=", orgId)
      .where("fingerprint", "=", fingerprint)
      .returning("fingerprint")
      .executeTakeFirst();
    return row !== undefined;
  }
}
