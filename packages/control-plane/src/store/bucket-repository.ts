/** What records of VMs and snapshots have of buckets: for a change of the key that seals their credentials. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";
import type { RecordedMount } from "./vm-settings.ts";

interface Found {
  readonly id: string;
  readonly orgId: OrgId;
  readonly mounts: readonly RecordedMount[];
  /** As it is written. */
  readonly text: string;
}

export class BucketRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async list(table: "vms" | "snapshots"): Promise<readonly Found[]> {
    const rows = await this.#db
      .selectFrom(table)
      .select(["id", "orgId", "volumes"])
      .where("volumes", "like", `%"kind":"bucket"%`)
      .execute();
    return rows.map(({ id, orgId, volumes: text }) => ({
      id,
      orgId,
      text,
      mounts: JSON.parse(text) as RecordedMount[],
    }));
  }

  /** Does nothing when it is another by now. */
  async replace(
    table: "vms" | "snapshots",
    { id, text }: Found,
    mounts: readonly RecordedMount[],
  ): Promise<void> {
    await this.#db
      .updateTable(table as "vms")
      .set({ volumes: JSON.stringify(mounts) })
      .where("id", "=", id as never)
      .where("volumes", "=", text)
      .execute();
  }
}
