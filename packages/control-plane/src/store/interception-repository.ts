/** What records of both tables have of secrets, by themselves: for a change of the key that seals them. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";
import type { WrittenInterception } from "./vm-settings.ts";

interface Found {
  readonly id: string;
  readonly orgId: OrgId;
  readonly interception: WrittenInterception;
}

export class InterceptionRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async list(table: "vms" | "snapshots"): Promise<readonly Found[]> {
    const rows = await this.#db
      .selectFrom(table)
      .select(["id", "orgId", "interception"])
      .where("interception", "is not", null)
      .execute();
    return rows.flatMap(({ id, orgId, interception }) =>
      interception === null
        ? []
        : [{ id, orgId, interception: JSON.parse(interception) as WrittenInterception }],
    );
  }

  /** Does nothing when it is another by now. */
  async replace(
    table: "vms" | "snapshots",
    id: string,
    before: WrittenInterception,
    by: WrittenInterception,
  ): Promise<void> {
    const text = JSON.stringify(by);
    const old = JSON.stringify(before);
    if (table === "vms")
      await this.#db
        .updateTable("vms")
        .set({ interception: text })
        .where("id", "=", id as never)
        .where("interception", "=", old)
        .execute();
    else
      await this.#db
        .updateTable("snapshots")
        .set({ interception: text })
        .where("id", "=", id as never)
        .where("interception", "=", old)
        .execute();
  }
}
