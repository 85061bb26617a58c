import type { VmId } from "@fastvm/contract";
import { sql, type Kysely } from "kysely";
import type { ChangeListener } from "./change-notices.ts";
import type { PreviewGrantRow, PreviewTokenRow, Schema } from "./schema.ts";

/** What was counted of one grant since it was written down last. */
export interface CountedUse {
  readonly requests: number;
  readonly webSockets: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** null: nobody was let in. */
  readonly firstUsedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly error: { readonly code: string; readonly at: number } | undefined;
}

/** Grants of previews and digests of their tokens. They go with their VM. */
export class PreviewGrantRepository {
  readonly #db: Kysely<Schema>;
  readonly #onVmChange: ChangeListener<VmId>;

  constructor(db: Kysely<Schema>, onVmChange: ChangeListener<VmId>) {
    this.#db = db;
    this.#onVmChange = onVmChange;
  }

  async add(grant: PreviewGrantRow, tokens: readonly PreviewTokenRow[]): Promise<void> {
    await this.#db.insertInto("previewGrants").values(grant).execute();
    await this.#db
      .insertInto("previewTokens")
      .values([...tokens])
      .execute();
  }

  /** Newest first. */
  async list(vmId: VmId, port: number | undefined): Promise<PreviewGrantRow[]> {
    let query = this.#db.selectFrom("previewGrants").selectAll().where("vmId", "=", vmId);
    if (port !== undefined) query = query.where("port", "=", port);
    return query.orderBy("issuedAt", "desc").orderBy("id").execute();
  }

  /** By a token's digest, with the family that the token is of. */
  async byToken(digest: string): Promise<(PreviewGrantRow & Pick<PreviewTokenRow, "family">) | undefined> {
    return this.#db
      .selectFrom("previewTokens")
      .innerJoin("previewGrants", "previewGrants.id", "previewTokens.grantId")
      .selectAll("previewGrants")
      .select("previewTokens.family")
      .where("previewTokens.digest", "=", digest)
      .executeTakeFirst();
  }

  /** The instant of the first revocation stays. */
  async revoke(vmId: VmId, id: string, at: number): Promise<PreviewGrantRow | undefined> {
    const row = await this.#db
      .updateTable("previewGrants")
      .set((eb) => ({ revokedAt: eb.fn.coalesce("revokedAt", eb.val(at)), updatedAt: at }))
      .where("vmId", "=", vmId)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    // Whoever keeps what opens the VM's ports forgets it.
    this.#onVmChange(vmId);
    return row;
  }

  /** Which of these were revoked. */
  async revokedAmong(ids: readonly string[]): Promise<string[]> {
    const rows = await this.#db
      .selectFrom("previewGrants")
      .select("id")
      .where("id", "in", ids)
      .where("revokedAt", "is not", null)
      .execute();
    return rows.map(({ id }) => id);
  }

  async removeEnded(vmId: VmId, before: number): Promise<void> {
    await this.#db
      .deleteFrom("previewGrants")
      .where("vmId", "=", vmId)
      .where((eb) => eb.or([eb("expiresAt", "<", before), eb("revokedAt", "<", before)]))
      .execute();
  }

  async count(vmId: VmId, isPassing: 0 | 1): Promise<number> {
    const row = await this.#db
      .selectFrom("previewGrants")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("vmId", "=", vmId)
      .where("isPassing", "=", isPassing)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** Of those that give way to newer ones. */
  async keepNewestPassing(vmId: VmId, count: number): Promise<void> {
    const kept = this.#db
      .selectFrom("previewGrants")
      .select("id")
      .where("vmId", "=", vmId)
      .where("isPassing", "=", 1)
      .orderBy("issuedAt", "desc")
      .orderBy("id")
      .limit(count);
    await this.#db
      .deleteFrom("previewGrants")
      .where("vmId", "=", vmId)
      .where("isPassing", "=", 1)
      .where("id", "not in", kept)
      .execute();
  }

  /** Adds: other processes count the same grant. */
  async addUse(id: string, use: CountedUse, at: number): Promise<void> {
    const { requests, webSockets, bytesIn, bytesOut, firstUsedAt, lastUsedAt, error } = use;
    await this.#db
      .updateTable("previewGrants")
      .set((eb) => ({
        requests: eb("requests", "+", requests),
        webSockets: eb("webSockets", "+", webSockets),
        bytesIn: eb("bytesIn", "+", bytesIn),
        bytesOut: eb("bytesOut", "+", bytesOut),
        updatedAt: at,
        ...(firstUsedAt === null ? {} : { firstUsedAt: eb.fn.coalesce("firstUsedAt", eb.val(firstUsedAt)) }),
        ...(lastUsedAt === null
          ? {}
          : {
              lastUsedAt: sql<number>`case when last_used_at > ${lastUsedAt} then last_used_at else ${lastUsedAt} end`,
            }),
        ...(error === undefined ? {} : { lastErrorCode: error.code, lastErrorAt: error.at }),
      }))
      .where("id", "=", id)
      .execute();
  }
}
