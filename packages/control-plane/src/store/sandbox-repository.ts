/** Records of sandboxes. One that has run is a VM's, and is gone when that is. */
import type { OrgId, VmId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { SandboxRow, Schema } from "./schema.ts";

export interface SandboxRecord extends Omit<SandboxRow, "labels" | "written"> {
  readonly labels: Readonly<Record<string, string>>;
  /** What was asked for, in the words of the API that wrote it; nobody else looks into it. */
  readonly written: unknown;
}

/** Of one question. */
const MAX_IDS_AT_ONCE = 500;

export class SandboxRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** `false` when the name is taken in its organisation. */
  async add({ labels, written, ...row }: SandboxRecord): Promise<boolean> {
    const added = await this.#db
      .insertInto("sandboxes")
      .values({ ...row, labels: JSON.stringify(labels), written: JSON.stringify(written) })
      .onConflict((conflict) => conflict.columns(["orgId", "name"]).doNothing())
      .returning("id")
      .executeTakeFirst();
    return added !== undefined;
  }

  async get(orgId: OrgId, id: string): Promise<SandboxRecord | undefined> {
    return read(
      await this.#of(orgId)
        .where("id", "=", id as VmId)
        .executeTakeFirst(),
    );
  }

  async getByName(orgId: OrgId, name: string): Promise<SandboxRecord | undefined> {
    return read(await this.#of(orgId).where("name", "=", name).executeTakeFirst());
  }

  /** Which of these there are, of whatever organisation. */
  async existing(ids: readonly string[]): Promise<string[]> {
    const there: string[] = [];
    for (let at = 0; at < ids.length; at += MAX_IDS_AT_ONCE) {
      const some = ids.slice(at, at + MAX_IDS_AT_ONCE) as VmId[];
      const rows = await this.#db.selectFrom("sandboxes").select("id").where("id", "in", some).execute();
      there.push(...rows.map(({ id }) => id));
    }
    return there;
  }

  /** Newest first, by id among equals. */
  async list(orgId: OrgId): Promise<SandboxRecord[]> {
    const rows = await this.#of(orgId).orderBy("createdAt", "desc").orderBy("id").execute();
    return rows.map(parse);
  }

  /** `false` when it has a VM already, or is gone. */
  async setVm(id: string, vmId: VmId): Promise<boolean> {
    const changed = await this.#db
      .updateTable("sandboxes")
      .set({ vmId })
      .where("id", "=", id as VmId)
      .where("vmId", "is", null)
      .returning("id")
      .executeTakeFirst();
    return changed !== undefined;
  }

  /** Of one that has no VM; of another that goes with it. `false` when there was none. */
  async removeUnstarted(id: string): Promise<boolean> {
    const removed = await this.#db
      .deleteFrom("sandboxes")
      .where("id", "=", id as VmId)
      .where("vmId", "is", null)
      .returning("id")
      .executeTakeFirst();
    return removed !== undefined;
  }

  #of(orgId: OrgId) {
    return this.#db.selectFrom("sandboxes").selectAll().where("orgId", "=", orgId);
  }
}

function read(row: SandboxRow | undefined): SandboxRecord | undefined {
  return row === undefined ? undefined : parse(row);
}

function parse({ labels, written, ...row }: SandboxRow): SandboxRecord {
  return {
    ...row,
    labels: JSON.parse(labels) as Record<string, string>,
    written: JSON.parse(written) as unknown,
  };
}
