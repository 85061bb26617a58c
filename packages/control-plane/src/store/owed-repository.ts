import type { OrgId, VmId, VmStatus } from "@fastvm/contract";
import { sql, type Kysely } from "kysely";
import type { OwedKind, OwedRow, Schema } from "./schema.ts";

/**
 * VMs that run, and those on their way: their worker may have been told what was true before. Others
 * learn everything by their next start.
 */
const TOLD: readonly VmStatus[] = ["provisioning", "running", "pausing", "resuming"];

/** What workers are still to be told of records. It goes with its VM. */
export class OwedRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** From now on this part is owed, if the VM may have been told anything. Resolves to the row, which says what is paid later. */
  async put(vmId: VmId, kind: OwedKind): Promise<OwedRow | undefined> {
    const [row] = await this.#put(kind, "id", vmId);
    return row;
  }

  /** The same for all VMs of an organisation. */
  async putForAll(orgId: OrgId, kind: OwedKind): Promise<readonly VmId[]> {
    return (await this.#put(kind, "orgId", orgId)).map(({ vmId }) => vmId);
  }

  async #put(kind: OwedKind, column: "id" | "orgId", value: VmId | OrgId): Promise<OwedRow[]> {
    return this.#db
      .insertInto("owed")
      .columns(["vmId", "kind", "revision", "attempts", "retryAt"])
      .expression((eb) =>
        eb
          .selectFrom("vms")
          .select([
            "id as vmId",
            sql.lit(kind).as("kind"),
            sql.lit(1).as("revision"),
            sql.lit(0).as("attempts"),
            sql.lit(0).as("retryAt"),
          ])
          .where(column, "=", value as never)
          .where("status", "in", TOLD),
      )
      .onConflict((conflict) =>
        conflict
          .columns(["vmId", "kind"])
          .doUpdateSet((eb) => ({ revision: eb("owed.revision", "+", 1), attempts: 0, retryAt: 0 })),
      )
      .returningAll()
      .execute();
  }

  async of(vmId: VmId): Promise<OwedRow[]> {
    return this.#db.selectFrom("owed").selectAll().where("vmId", "=", vmId).orderBy("kind").execute();
  }

  /** The worker has it, unless it has changed meanwhile. */
  async settle({ vmId, kind, revision }: OwedRow): Promise<void> {
    await this.#db
      .deleteFrom("owed")
      .where("vmId", "=", vmId)
      .where("kind", "=", kind)
      .where("revision", "=", revision)
      .execute();
  }

  /** The worker has refused it. */
  async putOff({ vmId, kind, revision, attempts }: OwedRow, retryAt: number): Promise<void> {
    await this.#db
      .updateTable("owed")
      .set({ attempts: attempts + 1, retryAt })
      .where("vmId", "=", vmId)
      .where("kind", "=", kind)
      .where("revision", "=", revision)
      .execute();
  }

  /** All VMs of which something is owed. */
  async vmIds(): Promise<ReadonlySet<VmId>> {
    const rows = await this.#db.selectFrom("owed").select("vmId").distinct().execute();
    return new Set(rows.map(({ vmId }) => vmId));
  }

  /** VMs whose worker is to be told now, or whose next start tells it anyway. */
  async due(now: number, limit: number): Promise<VmId[]> {
    const rows = await this.#db
      .selectFrom("owed")
      .innerJoin("vms", "vms.id", "owed.vmId")
      .select("owed.vmId")
      .distinct()
      .where("owed.retryAt", "<=", now)
      .where("vms.status", "in", ["running", "paused", "stopped"])
      .limit(limit)
      .execute();
    return rows.map(({ vmId }) => vmId);
  }
}
