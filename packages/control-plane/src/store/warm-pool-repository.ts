/** Pools of VMs that are ready. Their VMs are among the others, under the pool's id. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema, WarmPoolRow } from "./schema.ts";

export interface WarmPoolRecord extends Omit<WarmPoolRow, "labels" | "metadata" | "isTracking"> {
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly isTracking: boolean;
}

export type WarmPoolChanges = Partial<
  Omit<WarmPoolRecord, "id" | "orgId" | "createdAt" | "hits" | "failures">
>;

/** What is counted. */
type WarmPoolCounter = "hits" | "failures" | "expired";

export class WarmPoolRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(pool: WarmPoolRecord): Promise<void> {
    await this.#db
      .insertInto("warmPools")
      .values({ ...pool, ...asColumns(pool) })
      .execute();
  }

  async get(id: string): Promise<WarmPoolRecord | undefined> {
    const row = await this.#db.selectFrom("warmPools").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** Oldest first, without those that are deleted. */
  async list(orgId: OrgId): Promise<WarmPoolRecord[]> {
    const rows = await this.#db
      .selectFrom("warmPools")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("state", "!=", "deleted")
      .orderBy("createdAt")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Of all organisations, also what is left of deleted ones. */
  async listAll(): Promise<WarmPoolRecord[]> {
    const rows = await this.#db.selectFrom("warmPools").selectAll().orderBy("id").execute();
    return rows.map((row) => parse(row));
  }

  async update(id: string, changes: WarmPoolChanges): Promise<WarmPoolRecord | undefined> {
    const row = await this.#db
      .updateTable("warmPools")
      .set({ ...changes, ...asColumns(changes) })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  async count(id: string, what: WarmPoolCounter): Promise<void> {
    await this.#db
      .updateTable("warmPools")
      .set((eb) => ({ [what]: eb(what, "+", 1) }))
      .where("id", "=", id)
      .execute();
  }

  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom("warmPools").where("id", "=", id).execute();
  }
}

function parse(row: WarmPoolRow): WarmPoolRecord {
  return {
    ...row,
    labels: JSON.parse(row.labels) as Record<string, string>,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    isTracking: row.isTracking === 1,
  };
}

function asColumns({ labels, metadata, isTracking }: WarmPoolChanges) {
  return {
    ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
    ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
    ...(isTracking === undefined ? {} : { isTracking: isTracking ? 1 : 0 }),
  } as { labels: string; metadata: string; isTracking: number };
}
