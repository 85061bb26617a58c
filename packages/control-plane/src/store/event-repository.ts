/**
 * What happened to VMs and snapshots, numbered within each organisation without gaps. Whoever
 * has read up to a number and reads on after it misses nothing: see `write-events.ts`.
 */
import type { OrgId, VmId } from "@fastvm/contract";
import { sql, type Kysely } from "kysely";
import type { EventRow, Schema } from "./schema.ts";

export type EventRecord = Readonly<EventRow>;
export type NewEvent = Omit<EventRecord, "id">;

/** A cause, of VMs or of snapshots. */
export type EventKind = Pick<EventRecord, "subjectKind" | "cause">;

/** What is left out does not matter. */
export interface EventFilter {
  readonly subjectIds?: readonly string[] | undefined;
  readonly causes?: readonly string[] | undefined;
  /** Of what was made of one of these VMs, or goes on from it. */
  readonly sourceVmIds?: readonly VmId[] | undefined;
  /** Only what was made of a VM, or goes on from one. */
  readonly hasSource?: boolean;
  readonly kinds?: readonly EventKind[] | undefined;
  /** Those that begin so are left out. */
  readonly withoutCausesOf?: string | undefined;
  /** Instants, both included. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Numbers: above this one, up to that one. */
  readonly after?: number | undefined;
  readonly upTo?: number | undefined;
}

export interface EventSlice {
  readonly order: "asc" | "desc";
  readonly offset: number;
  readonly limit: number;
}

/** Is given what a transaction is to write when its work is done. */
export type EventSink = (event: NewEvent) => Promise<void>;

export class EventRepository {
  readonly #db: Kysely<Schema>;
  readonly #sink: EventSink;

  constructor(db: Kysely<Schema>, sink: EventSink) {
    this.#db = db;
    this.#sink = sink;
  }

  /** In a transaction it becomes readable with all that the transaction changes, and not before its end. */
  async append(event: NewEvent): Promise<void> {
    await this.#sink(event);
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

  /** An organisation's events above a number, oldest first. If the first is not the next number, those between were forgotten. */
  async after(orgId: OrgId, id: number, limit: number): Promise<EventRecord[]> {
    return this.#db
      .selectFrom("events")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("id", ">", id)
      .orderBy("id")
      .limit(limit)
      .execute();
  }

  /** Those of an organisation that match, by their numbers. */
  async find(orgId: OrgId, filter: EventFilter, slice: EventSlice): Promise<EventRecord[]> {
    const { subjectIds, sourceVmIds, hasSource, causes, kinds, withoutCausesOf, from, to, after, upTo } =
      filter;
    // PostgreSQL knows no empty list of values.
    if (sourceVmIds?.length === 0) return [];
    if (subjectIds?.length === 0 || causes?.length === 0 || kinds?.length === 0) return [];
    let query = this.#db.selectFrom("events").selectAll().where("orgId", "=", orgId);
    if (subjectIds !== undefined) query = query.where("subjectId", "in", subjectIds);
    if (sourceVmIds !== undefined) query = query.where("sourceVmId", "in", sourceVmIds);
    if (hasSource === true) query = query.where("sourceVmId", "is not", null);
    if (causes !== undefined) query = query.where("cause", "in", causes);
    if (kinds !== undefined) {
      query = query.where((eb) =>
        eb.or(
          kinds.map(({ subjectKind, cause }) =>
            eb.and([eb("subjectKind", "=", subjectKind), eb("cause", "=", cause)]),
          ),
        ),
      );
    }
    if (withoutCausesOf !== undefined) {
      const beginning = sql<string>`substr(cause, 1, ${sql.lit(withoutCausesOf.length)})`;
      query = query.where(beginning, "!=", withoutCausesOf);
    }
    if (from !== undefined) query = query.where("at", ">=", from);
    if (to !== undefined) query = query.where("at", "<=", to);
    if (after !== undefined) query = query.where("id", ">", after);
    if (upTo !== undefined) query = query.where("id", "<=", upTo);
    return query.orderBy("id", slice.order).offset(slice.offset).limit(slice.limit).execute();
  }

  /** The number of each organisation's latest event; of one that has none, nothing. */
  async lastIds(orgIds: readonly OrgId[]): Promise<ReadonlyMap<OrgId, number>> {
    if (orgIds.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom("eventCounters")
      .selectAll()
      .where("orgId", "in", orgIds)
      .execute();
    return new Map(rows.map(({ orgId, lastId }) => [orgId, lastId]));
  }

  /** Forgets all but the newest `keep` of each organisation. */
  async prune(keep: number): Promise<void> {
    const counters = await this.#db
      .selectFrom("eventCounters")
      .selectAll()
      .where("lastId", ">", keep)
      .execute();
    for (const { orgId, lastId } of counters) {
      await this.#db
        .deleteFrom("events")
        .where("orgId", "=", orgId)
        .where("id", "<=", lastId - keep)
        .execute();
    }
  }
}
