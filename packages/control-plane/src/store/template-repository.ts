/** Templates, their names, their builds (beside the records of builds themselves), and what their tags mean. */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { Schema, TemplateBuildRow, TemplateRow, TemplateTagRow } from "./schema.ts";

export type TemplateRecord = Readonly<TemplateRow>;
export type TemplateTag = Readonly<TemplateTagRow>;
export type TemplateBuild = Readonly<TemplateBuildRow>;

export class TemplateRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async create(template: TemplateRecord): Promise<void> {
    await this.#db.insertInto("templates").values(template).execute();
  }

  async get(id: string): Promise<TemplateRecord | undefined> {
    return await this.#db.selectFrom("templates").selectAll().where("id", "=", id).executeTakeFirst();
  }

  /** By any of its names, or its id. */
  async find(orgId: OrgId, reference: string): Promise<TemplateRecord | undefined> {
    const named = await this.#db
      .selectFrom("templateNames")
      .select("templateId")
      .where("orgId", "=", orgId)
      .where("name", "=", reference)
      .executeTakeFirst();
    const found = await this.get(named?.templateId ?? reference);
    return found?.orgId === orgId ? found : undefined;
  }

  /** Newest first. */
  async list(orgId: OrgId): Promise<TemplateRecord[]> {
    return await this.#db
      .selectFrom("templates")
      .selectAll()
      .where("orgId", "=", orgId)
      .orderBy("createdAt", "desc")
      .orderBy("id")
      .execute();
  }

  async update(id: string, changes: Partial<Pick<TemplateRow, "name" | "updatedAt">>): Promise<void> {
    await this.#db.updateTable("templates").set(changes).where("id", "=", id).execute();
  }

  async clearTags(id: string): Promise<void> {
    await this.#db.deleteFrom("templateTags").where("templateId", "=", id).execute();
  }

  /** With its names and tags. Its builds are removed one by one before. */
  async remove(id: string): Promise<void> {
    await this.clearTags(id);
    await this.#db.deleteFrom("templateNames").where("templateId", "=", id).execute();
    await this.#db.deleteFrom("templates").where("id", "=", id).execute();
  }

  /** `false` when the organisation has that name already. */
  async claim(orgId: OrgId, name: string, templateId: string): Promise<boolean> {
    const row = await this.#db
      .insertInto("templateNames")
      .values({ orgId, name, templateId })
      .onConflict((conflict) => conflict.columns(["orgId", "name"]).doNothing())
      .returning("name")
      .executeTakeFirst();
    return row !== undefined;
  }

  async names(templateId: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom("templateNames")
      .select("name")
      .where("templateId", "=", templateId)
      .orderBy("name")
      .execute();
    return rows.map(({ name }) => name);
  }

  /** A name that is another's by now stays. */
  async release({ id, orgId }: TemplateRecord, name: string): Promise<void> {
    await this.#db
      .deleteFrom("templateNames")
      .where("orgId", "=", orgId)
      .where("name", "=", name)
      .where("templateId", "=", id)
      .execute();
  }

  async addBuild(build: TemplateBuild): Promise<void> {
    await this.#db.insertInto("templateBuilds").values(build).execute();
  }

  async build(buildId: string): Promise<TemplateBuild | undefined> {
    return await this.#db
      .selectFrom("templateBuilds")
      .selectAll()
      .where("buildId", "=", buildId)
      .executeTakeFirst();
  }

  async builds(templateId: string): Promise<TemplateBuild[]> {
    return await this.#db
      .selectFrom("templateBuilds")
      .selectAll()
      .where("templateId", "=", templateId)
      .execute();
  }

  /** By name. */
  async tags(templateId: string): Promise<TemplateTag[]> {
    return await this.#db
      .selectFrom("templateTags")
      .selectAll()
      .where("templateId", "=", templateId)
      .orderBy("tag")
      .execute();
  }

  async tagsOfBuild(buildId: string): Promise<TemplateTag[]> {
    return await this.#db
      .selectFrom("templateTags")
      .selectAll()
      .where("buildId", "=", buildId)
      .orderBy("tag")
      .execute();
  }

  async setTag(tag: TemplateTag): Promise<void> {
    const { buildId, promotedAt } = tag;
    await this.#db
      .insertInto("templateTags")
      .values(tag)
      .onConflict((conflict) => conflict.columns(["templateId", "tag"]).doUpdateSet({ buildId, promotedAt }))
      .execute();
  }
}
