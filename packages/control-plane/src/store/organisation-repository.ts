import type { OrgId, ResourceAmounts } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { OrganisationRow, Schema } from "./schema.ts";

/** The row that every reservation writes first: reservations thereby happen one after the other. */
const RESERVATIONS = "reservations";

export class OrganisationRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(organisation: { id: OrgId; name: string; createdAt: number; limits: ResourceAmounts }) {
    const { limits, ...rest } = organisation;
    await this.#db
      .insertInto("organisations")
      .values({
        ...rest,
        limitVcpu: limits.vcpu,
        limitMemoryMib: limits.memoryMiB,
        limitDiskGib: limits.diskGiB,
        limitSnapshotCount: limits.snapshotCount,
      })
      .execute();
  }

  /** Oldest first. */
  async list(): Promise<OrganisationRow[]> {
    return this.#db.selectFrom("organisations").selectAll().orderBy("createdAt").orderBy("id").execute();
  }

  /** The organisation that was made first: the embedded default's only one. */
  async first(): Promise<OrganisationRow | undefined> {
    return this.#db
      .selectFrom("organisations")
      .selectAll()
      .orderBy("createdAt")
      .orderBy("id")
      .limit(1)
      .executeTakeFirst();
  }

  async limits(orgId: OrgId): Promise<ResourceAmounts> {
    const row = await this.#db
      .selectFrom("organisations")
      .selectAll()
      .where("id", "=", orgId)
      .executeTakeFirstOrThrow();
    return {
      vcpu: row.limitVcpu,
      memoryMiB: row.limitMemoryMib,
      diskGiB: row.limitDiskGib,
      snapshotCount: row.limitSnapshotCount,
    };
  }

  async setLimits(orgId: OrgId, limits: ResourceAmounts): Promise<void> {
    await this.#db
      .updateTable("organisations")
      .set({
        limitVcpu: limits.vcpu,
        limitMemoryMib: limits.memoryMiB,
        limitDiskGib: limits.diskGiB,
        limitSnapshotCount: limits.snapshotCount,
      })
      .where("id", "=", orgId)
      .execute();
  }

  /** Holds, until this transaction ends, every other transaction that reserves: sums read after it stay true. */
  async lockReservations(): Promise<void> {
    await this.#db
      .insertInto("locks")
      .values({ name: RESERVATIONS, revision: 1 })
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet((eb) => ({ revision: eb("locks.revision", "+", 1) })),
      )
      .execute();
  }
}
