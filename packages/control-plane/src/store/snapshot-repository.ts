/** Records of snapshots. */
import type { OrgId, SnapshotId, SnapshotStatus, VmId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { canExist, isIdPrefix, pickReferenced } from "./references.ts";
import type { Schema, SnapshotRow } from "./schema.ts";
import { readSettings, writeSettings, type VmSettings } from "./vm-settings.ts";

type Texts = Readonly<Record<string, string>>;

export interface SnapshotRecord
  extends Omit<SnapshotRow, keyof VmSettings | "labels" | "integrity">, VmSettings {
  readonly labels: Texts;
  /** SHA-256 of its files, by path; null: nobody asked for it. */
  readonly integrity: Texts | null;
}

type SnapshotChanges = Partial<Pick<SnapshotRecord, "name" | "statusReason" | "pauseMs" | "integrity">>;

export class SnapshotRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(snapshot: SnapshotRecord): Promise<void> {
    await this.#db
      .insertInto("snapshots")
      .values({
        ...snapshot,
        ...writeSettings(snapshot),
        labels: JSON.stringify(snapshot.labels),
        integrity: written(snapshot.integrity),
      })
      .execute();
  }

  async get(id: SnapshotId): Promise<SnapshotRecord | undefined> {
    const row = await this.#db.selectFrom("snapshots").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** By id, unique name or unique beginning of an id, within one organisation. */
  async find(orgId: OrgId, reference: string): Promise<SnapshotRecord | undefined> {
    if (!canExist(reference)) return undefined;
    const rows = await this.#db
      .selectFrom("snapshots")
      .selectAll()
      .where("orgId", "=", orgId)
      .where((eb) =>
        eb.or([
          eb("id", "=", reference as SnapshotId),
          eb("name", "=", reference),
          ...(isIdPrefix(reference) ? [eb("id", "like", `${reference}%` as SnapshotId)] : []),
        ]),
      )
      .execute();
    const row = pickReferenced(reference, rows);
    return row === undefined ? undefined : parse(row);
  }

  /** Newest first. */
  async list(orgId: OrgId): Promise<SnapshotRecord[]> {
    const rows = await this.#db
      .selectFrom("snapshots")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("createdAt", "desc")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  async listAll(): Promise<SnapshotRecord[]> {
    const rows = await this.#db.selectFrom("snapshots").selectAll().execute();
    return rows.map((row) => parse(row));
  }

  /** The snapshot that was made of a VM during one of its pauses. */
  async findOfPause(vmId: VmId, pauseCycle: number): Promise<SnapshotRecord | undefined> {
    const row = await this.#db
      .selectFrom("snapshots")
      .selectAll()
      .where("vmId", "=", vmId)
      .where("pauseCycle", "=", pauseCycle)
      .where("status", "in", ["creating", "ready"])
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  async count(orgId: OrgId): Promise<number> {
    const row = await this.#db
      .selectFrom("snapshots")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("orgId", "=", orgId)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** Sets `status` only when it is `from` now; `undefined` when it is not. */
  async changeStatus(
    id: SnapshotId,
    from: SnapshotStatus,
    to: SnapshotStatus,
    { integrity, ...changes }: SnapshotChanges,
  ): Promise<SnapshotRecord | undefined> {
    const row = await this.#db
      .updateTable("snapshots")
      .set({ status: to, ...changes, ...(integrity !== undefined && { integrity: written(integrity) }) })
      .where("id", "=", id)
      .where("status", "=", from)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  async rename(id: SnapshotId, name: string): Promise<SnapshotRecord | undefined> {
    const row = await this.#db
      .updateTable("snapshots")
      .set({ name })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** As it was until now; `undefined` when there was no such row. */
  async remove(id: SnapshotId): Promise<SnapshotRecord | undefined> {
    const row = await this.#db.deleteFrom("snapshots").where("id", "=", id).returningAll().executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }
}

function parse(row: SnapshotRow): SnapshotRecord {
  return {
    ...row,
    ...readSettings(row),
    labels: JSON.parse(row.labels) as Texts,
    integrity: row.integrity === null ? null : (JSON.parse(row.integrity) as Texts),
  };
}

function written(integrity: Texts | null): string | null {
  return integrity === null ? null : JSON.stringify(integrity);
}
