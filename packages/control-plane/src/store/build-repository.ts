/** Records of builds. */
import type { BuildPhase, BuildPhaseStatus, BuildStatus, OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { canExist, isIdPrefix } from "./references.ts";
import type { BuildRow, Schema } from "./schema.ts";

export interface BuildRecord extends Omit<BuildRow, "source" | "events"> {
  readonly source: BuildSource;
  readonly events: readonly BuildHappening[];
}

/** What is shown of what was asked for. Never a secret. */
interface BuildSource {
  readonly kind: "image" | "dockerfile";
  readonly image?: string | undefined;
  readonly dockerfilePath?: string | undefined;
  readonly target?: string | undefined;
  readonly args?: Readonly<Record<string, string>> | undefined;
  readonly contextBytes?: number | undefined;
}

/** After those of the worker: a VM of the image is started and captured. */
export type AnyBuildPhase = BuildPhase | "settling" | "capture";

export interface BuildHappening {
  readonly phase: AnyBuildPhase;
  readonly status: BuildPhaseStatus;
  readonly atMs: number;
}

export type BuildChanges = Partial<
  Pick<
    BuildRecord,
    | "source"
    | "events"
    | "error"
    | "imageReference"
    | "imageDigest"
    | "stepsRan"
    | "stepsCached"
    | "startedAt"
    | "finishedAt"
    | "updatedAt"
  >
>;

export const UNFINISHED: readonly BuildStatus[] = ["pending", "running"];

export class BuildRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(build: BuildRecord): Promise<void> {
    await this.#db
      .insertInto("builds")
      .values({ ...build, source: JSON.stringify(build.source), events: JSON.stringify(build.events) })
      .execute();
  }

  async get(id: string): Promise<BuildRecord | undefined> {
    const row = await this.#db.selectFrom("builds").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** The record, held until the transaction ends. */
  async lock(id: string): Promise<BuildRecord | undefined> {
    const row = await this.#db
      .updateTable("builds")
      .set((eb) => ({ status: eb.ref("status") }))
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** By id, by name or tag, of which the newest counts, or by a unique beginning of an id. */
  async find(orgId: OrgId, reference: string): Promise<BuildRecord | undefined> {
    if (!canExist(reference)) return undefined;
    const rows = await this.#db
      .selectFrom("builds")
      .selectAll()
      .where("orgId", "=", orgId)
      .where((eb) =>
        eb.or([
          eb("id", "=", reference),
          eb("name", "=", reference),
          eb("tag", "=", reference),
          ...(isIdPrefix(reference) ? [eb("id", "like", `${reference}%`)] : []),
        ]),
      )
      .orderBy("createdAt", "desc")
      .orderBy("id")
      .execute();
    const named = rows.find(({ name, tag }) => name === reference || tag === reference);
    const row = rows.find(({ id }) => id === reference) ?? named ?? (rows.length === 1 ? rows[0] : undefined);
    return row === undefined ? undefined : parse(row);
  }

  /** Newest first. */
  async list(orgId: OrgId): Promise<BuildRecord[]> {
    const rows = await this.#db
      .selectFrom("builds")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("createdAt", "desc")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Of all organisations. */
  async listUnfinished(): Promise<BuildRecord[]> {
    const rows = await this.#db.selectFrom("builds").selectAll().where("status", "in", UNFINISHED).execute();
    return rows.map((row) => parse(row));
  }

  async countUnfinished(orgId: OrgId): Promise<number> {
    const { count } = await this.#db
      .selectFrom("builds")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("orgId", "=", orgId)
      .where("status", "in", UNFINISHED)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Those whose image the organisation has under a name, or under this one, newest first. */
  async tagged(orgId: OrgId, tag?: string): Promise<BuildRecord[]> {
    const rows = await this.#db
      .selectFrom("builds")
      .selectAll()
      .where("orgId", "=", orgId)
      .where((eb) => (tag === undefined ? eb("tag", "is not", null) : eb("tag", "=", tag)))
      .where("status", "=", "succeeded")
      .where("imageReference", "is not", null)
      .orderBy("finishedAt", "desc")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  async update(id: string, changes: BuildChanges): Promise<void> {
    await this.#db.updateTable("builds").set(asTexts(changes)).where("id", "=", id).execute();
  }

  /** Sets `status` only when it is one of `from` now; `undefined` when it is not. */
  async changeStatus(
    id: string,
    from: readonly BuildStatus[],
    to: BuildStatus,
    changes: BuildChanges,
  ): Promise<BuildRecord | undefined> {
    const row = await this.#db
      .updateTable("builds")
      .set({ status: to, ...asTexts(changes) })
      .where("id", "=", id)
      .where("status", "in", from)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** Its log goes with it, and what it is to a template. */
  async remove(id: string): Promise<boolean> {
    await this.#db.deleteFrom("templateTags").where("buildId", "=", id).execute();
    await this.#db.deleteFrom("templateBuilds").where("buildId", "=", id).execute();
    await this.#db.deleteFrom("buildLogs").where("buildId", "=", id).execute();
    const row = await this.#db.deleteFrom("builds").where("id", "=", id).returning("id").executeTakeFirst();
    return row !== undefined;
  }

  async keepLog(buildId: string, log: string): Promise<void> {
    await this.#db
      .insertInto("buildLogs")
      .values({ buildId, log })
      .onConflict((conflict) => conflict.column("buildId").doUpdateSet({ log }))
      .execute();
  }

  async log(buildId: string): Promise<string> {
    const row = await this.#db
      .selectFrom("buildLogs")
      .select("log")
      .where("buildId", "=", buildId)
      .executeTakeFirst();
    return row?.log ?? "";
  }
}

function parse(row: BuildRow): BuildRecord {
  return {
    ...row,
    source: JSON.parse(row.source) as BuildSource,
    events: JSON.parse(row.events) as BuildHappening[],
  };
}

function asTexts<Some extends BuildChanges>(
  changes: Some,
): Omit<Some, "source" | "events"> & { source?: string; events?: string } {
  const { source, events, ...rest } = changes;
  return {
    ...rest,
    ...(source === undefined ? {} : { source: JSON.stringify(source) }),
    ...(events === undefined ? {} : { events: JSON.stringify(events) }),
  };
}
