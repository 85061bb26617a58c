/** Organisations, what each may use, and the end of one with all that is known of it. */
import type { OrgId, ResourceAmounts } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { OrganisationRow, Schema } from "./schema.ts";

type OfOrganisation = {
  [Table in keyof Schema]: Schema[Table] extends { readonly orgId: OrgId } ? Table : never;
}[keyof Schema];

/** What is kept of an organisation beside what it has of the host; rows that hang on these go with them. Another table has to be named. */
const OF_ORGANISATION: Readonly<Record<Exclude<OfOrganisation, "vms" | "snapshots" | "volumes">, true>> = {
  apiKeys: true,
  sshKeys: true,
  sealedValues: true,
  registryLogins: true,
  orderKeys: true,
  builds: true,
  webhooks: true,
  templates: true,
  templateNames: true,
  warmPools: true,
  sandboxes: true,
  events: true,
  eventCounters: true,
  auditEntries: true,
  auditCounters: true,
};

/** Rows of which each stands for what one transaction at a time may do. */
const ROOM = "room";
const FIRST = "first-organisation";

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
        limitVolumeCount: limits.volumeCount,
        limitVolumeGib: limits.volumeGiB,
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
      volumeCount: row.limitVolumeCount,
      volumeGiB: row.limitVolumeGib,
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
        limitVolumeCount: limits.volumeCount,
        limitVolumeGib: limits.volumeGiB,
      })
      .where("id", "=", orgId)
      .execute();
  }

  /** One that has no VM, snapshot or volume, with all that is known of it. */
  async remove(orgId: OrgId): Promise<void> {
    for (const table of ["templateBuilds", "templateTags"] as const) {
      await this.#db
        .deleteFrom(table)
        .where("templateId", "in", (eb) => eb.selectFrom("templates").select("id").where("orgId", "=", orgId))
        .execute();
    }
    for (const table of Object.keys(OF_ORGANISATION) as (keyof typeof OF_ORGANISATION)[])
      await this.#db.deleteFrom(table).where("orgId", "=", orgId).execute();
    await this.#db.deleteFrom("organisations").where("id", "=", orgId).execute();
  }

  /**
   * Holds, until this transaction ends, every other one that takes of this organisation's quota: sums
   * read after it stay true. Taken before any other lock.
   */
  async lock(orgId: OrgId): Promise<void> {
    await this.#db
      .updateTable("organisations")
      .set((eb) => ({ name: eb.ref("name") }))
      .where("id", "=", orgId)
      .execute();
  }

  /** The same for whoever takes of the host's room, of whatever organisation. Taken after an organisation's lock, before a VM's. */
  async lockRoom(): Promise<void> {
    await this.#lockRow(ROOM);
  }

  /** The same for whoever makes the first organisation. */
  async lockFirst(): Promise<void> {
    await this.#lockRow(FIRST);
  }

  async #lockRow(name: string): Promise<void> {
    await this.#db
      .insertInto("locks")
      .values({ name, revision: 1 })
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet((eb) => ({ revision: eb("locks.revision", "+", 1) })),
      )
      .execute();
  }
}
