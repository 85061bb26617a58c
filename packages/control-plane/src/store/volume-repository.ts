/** Records of volumes. A change of state names the state before it, so that of two only one succeeds. */
import type { OrgId, VolumeId, VolumeStatus } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { canExist, isIdPrefix, pickReferenced } from "./references.ts";
import type { Schema, VolumeRow } from "./schema.ts";

export interface VolumeRecord extends Omit<VolumeRow, "labels"> {
  readonly labels: Readonly<Record<string, string>>;
}

/** What may change after a volume was made. */
type VolumeChanges = Partial<
  Pick<VolumeRecord, "name" | "accessMode" | "sizeGib" | "pendingSizeGib" | "statusReason">
>;

export class VolumeRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(volume: VolumeRecord): Promise<void> {
    await this.#db
      .insertInto("volumes")
      .values({ ...volume, labels: JSON.stringify(volume.labels) })
      .execute();
  }

  async get(id: VolumeId): Promise<VolumeRecord | undefined> {
    return parsed(await this.#db.selectFrom("volumes").selectAll().where("id", "=", id).executeTakeFirst());
  }

  /** By id, name or unique beginning of an id, within one organisation. */
  async find(orgId: OrgId, reference: string): Promise<VolumeRecord | undefined> {
    if (!canExist(reference)) return undefined;
    const rows = await this.#db
      .selectFrom("volumes")
      .selectAll()
      .where("orgId", "=", orgId)
      .where((eb) =>
        eb.or([
          eb("id", "=", reference as VolumeId),
          eb("name", "=", reference),
          ...(isIdPrefix(reference) ? [eb("id", "like", `${reference}%` as VolumeId)] : []),
        ]),
      )
      .execute();
    return parsed(pickReferenced(reference, rows));
  }

  /** Newest first. */
  async list(orgId: OrgId): Promise<VolumeRecord[]> {
    const rows = await this.#db
      .selectFrom("volumes")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("createdAt", "desc")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  async listAll(): Promise<VolumeRecord[]> {
    return (await this.#db.selectFrom("volumes").selectAll().execute()).map((row) => parse(row));
  }

  async isNameTaken(orgId: OrgId, name: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom("volumes")
      .select("id")
      .where("orgId", "=", orgId)
      .where("name", "=", name)
      .executeTakeFirst();
    return row !== undefined;
  }

  async update(id: VolumeId, changes: VolumeChanges): Promise<VolumeRecord | undefined> {
    const row = await this.#db
      .updateTable("volumes")
      .set(changes)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return parsed(row);
  }

  /** Sets `status` only when it is `from` now; `undefined` when it is not. */
  async changeStatus(
    id: VolumeId,
    from: VolumeStatus,
    to: VolumeStatus,
    changes: VolumeChanges,
  ): Promise<VolumeRecord | undefined> {
    const row = await this.#db
      .updateTable("volumes")
      .set({ status: to, ...changes })
      .where("id", "=", id)
      .where("status", "=", from)
      .returningAll()
      .executeTakeFirst();
    return parsed(row);
  }

  async remove(id: VolumeId): Promise<void> {
    await this.#db.deleteFrom("volumes").where("id", "=", id).execute();
  }

  /** What an organisation has: one that is to grow counts as if it had. */
  async usage(orgId: OrgId): Promise<{ readonly volumeCount: number; readonly volumeGiB: number }> {
    const volumes = await this.list(orgId);
    const gib = volumes.map(({ sizeGib, pendingSizeGib }) => Math.max(sizeGib, pendingSizeGib ?? 0));
    return { volumeCount: volumes.length, volumeGiB: gib.reduce((sum, each) => sum + each, 0) };
  }
}

function parse(row: VolumeRow): VolumeRecord {
  return { ...row, labels: JSON.parse(row.labels) as Record<string, string> };
}

function parsed(row: VolumeRow | undefined): VolumeRecord | undefined {
  return row === undefined ? undefined : parse(row);
}
