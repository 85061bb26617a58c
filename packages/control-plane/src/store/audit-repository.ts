/** Who changed what, and who tried to; numbered within each organisation without gaps. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { AuditRow, Schema } from "./schema.ts";

/** Of a subject's record, what changed or what there is of it; `null`: there is no such record. */
type State = Readonly<Record<string, unknown>> | null;

export interface AuditRecord extends Readonly<Omit<AuditRow, "before" | "after">> {
  /** `undefined`: nothing is known of it. */
  readonly before: State | undefined;
  readonly after: State | undefined;
}

export type AuditEntry = Omit<AuditRecord, "id">;

/** What is left out does not matter. */
export interface AuditFilter {
  readonly subject?: string | undefined;
  readonly keyId?: string | undefined;
  readonly method?: string | undefined;
  readonly operation?: string | undefined;
  /** Only above this number. */
  readonly after?: number | undefined;
}

export class AuditRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** In a transaction, as its last statements: the organisation's next entry waits for its end. They get their numbers in this order. */
  async append(orgId: OrgId, entries: readonly AuditEntry[]): Promise<void> {
    const count = entries.length;
    const { lastId } = await this.#db
      .insertInto("auditCounters")
      .values({ orgId, lastId: count })
      .onConflict((conflict) =>
        conflict.column("orgId").doUpdateSet((eb) => ({ lastId: eb("auditCounters.lastId", "+", count) })),
      )
      .returning("lastId")
      .executeTakeFirstOrThrow();
    await this.#db
      .insertInto("auditEntries")
      .values(
        entries.map(({ before, after, ...rest }, at) => ({
          ...rest,
          orgId,
          id: lastId - count + 1 + at,
          before: written(before),
          after: written(after),
        })),
      )
      .execute();
  }

  async find(
    orgId: OrgId,
    { subject, keyId, method, operation, after }: AuditFilter,
    { order, limit }: { readonly order: "asc" | "desc"; readonly limit: number },
  ): Promise<AuditRecord[]> {
    let query = this.#db.selectFrom("auditEntries").selectAll().where("orgId", "=", orgId);
    if (subject !== undefined) query = query.where("subject", "=", subject);
    if (keyId !== undefined) query = query.where("keyId", "=", keyId);
    if (method !== undefined) query = query.where("method", "=", method);
    if (operation !== undefined) query = query.where("operation", "=", operation);
    if (after !== undefined) query = query.where("id", ">", after);
    const rows = await query.orderBy("id", order).limit(limit).execute();
    return rows.map((row) => ({ ...row, before: read(row.before), after: read(row.after) }));
  }

  /** Forgets all but the newest `keep` of each organisation. */
  async prune(keep: number): Promise<void> {
    const counters = await this.#db
      .selectFrom("auditCounters")
      .selectAll()
      .where("lastId", ">", keep)
      .execute();
    for (const { orgId, lastId } of counters) {
      await this.#db
        .deleteFrom("auditEntries")
        .where("orgId", "=", orgId)
        .where("id", "<=", lastId - keep)
        .execute();
    }
  }
}

function written(state: State | undefined): string | null {
  return state === undefined ? null : JSON.stringify(state);
}

function read(text: string | null): State | undefined {
  return text === null ? undefined : (JSON.parse(text) as State);
}
