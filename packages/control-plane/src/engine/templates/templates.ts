/** Templates of an organisation: what is built under a name, and which of its builds the name means. */
import { randomUUID } from "node:crypto";
import { FastvmError } from "@fastvm/contract";
import { UNFINISHED, type BuildRecord } from "../../store/build-repository.ts";
import type { Records } from "../../store/records.ts";
import type { TemplateBuild, TemplateRecord, TemplateTag } from "../../store/template-repository.ts";
import { Builds } from "../builds/builds.ts";
import type { NewBuild } from "../builds/new-build.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { notFound } from "../find.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { imageTagOf, isTemplateName, isTemplateTag, meantTemplate } from "../vms/template-build.ts";
import type { MeantTemplate } from "../vms/template-build.ts";

/** Each keeps some images. */
const MAX_TEMPLATES = 100;
/** Of one template, its own among them. */
const MAX_NAMES = 20;
const MAX_TAGS = 100;

export interface TemplateDetails {
  readonly template: TemplateRecord;
  /** Its other names. */
  readonly aliases: readonly string[];
  readonly tags: readonly TemplateTag[];
}

export interface BuildOfTemplate {
  readonly build: BuildRecord;
  readonly made: TemplateBuild;
  readonly template: TemplateRecord;
  /** Tags that mean it now. */
  readonly tags: readonly TemplateTag[];
}

export interface TemplateOrder {
  readonly name: string;
  /** That means the build once it has succeeded. */
  readonly tag: string;
  readonly build: Omit<NewBuild, "id" | "name" | "tag">;
  /** In the words of the API, to be built again. */
  readonly definition: string;
}

type TemplatesContext = ConstructorParameters<typeof Builds>[0] & Parts<"clock" | "poolBell" | "store">;

export class Templates {
  readonly #ctx: TemplatesContext;
  readonly #builds: Builds;

  constructor(ctx: TemplatesContext) {
    this.#ctx = ctx;
    this.#builds = new Builds(ctx);
  }

  /** Begins a build, of a new template where none has that name. */
  async build(caller: Caller, order: TemplateOrder, key?: OrderKey): Promise<BuildOfTemplate> {
    checkName(order.name);
    checkTag(order.tag);
    const id = randomUUID();
    const given: NewBuild = { ...order.build, id, name: "", tag: imageTagOf(id) };
    const build = await this.#builds.create(caller, given, async (records, made) => {
      const earlier = key && (await this.#earlier(records, caller, key, made));
      if (earlier !== undefined) return earlier;
      const template = await this.#template(records, caller, order.name, made.createdAt);
      const { tag, definition } = order;
      await records.templates.addBuild({ buildId: made.id, templateId: template.id, tag, definition });
      return undefined;
    });
    return await this.getBuild(caller, build.id);
  }

  /** Newest first. */
  async list({ orgId }: Caller): Promise<readonly TemplateDetails[]> {
    const all = await this.#ctx.store.templates.list(orgId);
    return await Promise.all(all.map(async (template) => await this.#details(template)));
  }

  /** By any of its names, or its id. */
  async get(caller: Caller, reference: string): Promise<TemplateDetails> {
    return await this.#details(await this.#find(caller, reference));
  }

  /** What a machine of that reference is made of; `undefined`: the reference is none of a template's, but perhaps an image's. */
  async meant({ orgId }: Caller, reference: string): Promise<MeantTemplate | undefined> {
    return await meantTemplate(this.#ctx, orgId, reference);
  }

  /** The old name is free again. */
  async rename(caller: Caller, reference: string, name: string): Promise<TemplateDetails> {
    checkName(name);
    const { id } = await this.#find(caller, reference);
    await this.#ctx.store.transaction(async (records) => {
      const template = await hold(records, caller, id);
      if (name === template.name) return;
      const isAlias = (await records.templates.names(id)).includes(name);
      if (!isAlias) await this.#claim(records, template, name);
      await records.templates.release(template, template.name);
      await records.templates.update(id, { name, updatedAt: this.#ctx.clock.now() });
    });
    return await this.get(caller, id);
  }

  async addAlias(caller: Caller, reference: string, name: string): Promise<TemplateDetails> {
    checkName(name);
    const { id } = await this.#find(caller, reference);
    await this.#ctx.store.transaction(async (records) => {
      const template = await hold(records, caller, id);
      const names = await records.templates.names(id);
      if (names.includes(name)) return;
      if (names.length >= MAX_NAMES)
        throw new FastvmError("conflict", `it has ${MAX_NAMES} names, which is the most there may be`);
      await this.#claim(records, template, name);
      await records.templates.update(id, { updatedAt: this.#ctx.clock.now() });
    });
    return await this.get(caller, id);
  }

  async removeAlias(caller: Caller, reference: string, name: string): Promise<TemplateDetails> {
    const { id } = await this.#find(caller, reference);
    await this.#ctx.store.transaction(async (records) => {
      const template = await hold(records, caller, id);
      const isAlias = name !== template.name && (await records.templates.names(id)).includes(name);
      if (!isAlias) throw notFound("other name of the template", name, "templateName");
      await records.templates.release(template, name);
    });
    return await this.get(caller, id);
  }

  /** The tag means that build from now on; pools that follow the tag do too. */
  async promote(caller: Caller, reference: string, buildId: string, tag: string): Promise<TemplateDetails> {
    checkTag(tag);
    const template = await this.#find(caller, reference);
    const { build, made } = await this.getBuild(caller, buildId);
    if (made.templateId !== template.id) throw notFound("build of the template", buildId, "build");
    await this.#ctx.store.transaction(async (records) => {
      const now = await records.builds.lock(build.id);
      if (now?.status !== "succeeded")
        throw new FastvmError("conflict", `the build is ${now?.status ?? "gone"}`, { field: "build" });
      if (now.imageReference === null)
        throw new FastvmError("conflict", "what it made is kept no longer; build it again", {
          field: "build",
        });
      const tags = await records.templates.tags(template.id);
      if (tags.length >= MAX_TAGS && !tags.some((each) => each.tag === tag))
        throw new FastvmError("conflict", `it has ${MAX_TAGS} tags, which is the most there may be`);
      const at = this.#ctx.clock.now();
      await records.templates.setTag({ templateId: template.id, tag, buildId: build.id, promotedAt: at });
      await records.templates.update(template.id, { updatedAt: at });
    });
    this.#ctx.poolBell.ring();
    return await this.get(caller, template.id);
  }

  /** With its builds and their images; what was made of them stays. Resolves to its id. */
  async delete(caller: Caller, reference: string): Promise<string> {
    const template = await this.#find(caller, reference);
    const builds = await this.builds(caller, template.id);
    const unfinished = builds.find(({ build }) => UNFINISHED.includes(build.status));
    if (unfinished !== undefined)
      throw new FastvmError("conflict", `a build of it is ${unfinished.build.status}; cancel it first`);
    // From then on no reference means any of them.
    await this.#ctx.store.templates.clearTags(template.id);
    for (const { build } of builds) await this.#builds.delete(caller, build.id);
    await this.#ctx.store.transaction(async (records) => {
      await records.organisations.lock(caller.orgId);
      if ((await records.templates.builds(template.id)).length > 0)
        throw new FastvmError("conflict", "a build of it was begun meanwhile");
      await records.templates.remove(template.id);
    });
    return template.id;
  }

  /** Newest first. */
  async builds(caller: Caller, reference: string): Promise<readonly BuildOfTemplate[]> {
    const template = await this.#find(caller, reference);
    const all = await this.#ctx.store.templates.builds(template.id);
    const found = await Promise.all(all.map(async (made) => await this.#buildOf(made, template)));
    return found
      .flatMap((each) => (each === undefined ? [] : [each]))
      .toSorted((a, b) => b.build.createdAt - a.build.createdAt);
  }

  async getBuild({ orgId }: Caller, buildId: string): Promise<BuildOfTemplate> {
    const made = await this.#ctx.store.templates.build(buildId);
    const template = made && (await this.#ctx.store.templates.get(made.templateId));
    const isTheirs = made !== undefined && template?.orgId === orgId;
    const found = isTheirs ? await this.#buildOf(made, template) : undefined;
    if (found === undefined) throw notFound("build", buildId, "build");
    return found;
  }

  async #buildOf(made: TemplateBuild, template: TemplateRecord): Promise<BuildOfTemplate | undefined> {
    const { store } = this.#ctx;
    const build = await store.builds.get(made.buildId);
    return build && { build, made, template, tags: await store.templates.tagsOfBuild(made.buildId) };
  }

  async #find({ orgId }: Caller, reference: string): Promise<TemplateRecord> {
    const isReference = isTemplateName(reference);
    const found = isReference ? await this.#ctx.store.templates.find(orgId, reference) : undefined;
    if (found === undefined) throw notFound("template", reference, "template");
    return found;
  }

  async #details(template: TemplateRecord): Promise<TemplateDetails> {
    const { templates } = this.#ctx.store;
    const names = await templates.names(template.id);
    const aliases = names.filter((name) => name !== template.name);
    return { template, aliases, tags: await templates.tags(template.id) };
  }

  async #earlier(records: Records, caller: Caller, key: OrderKey, made: BuildRecord) {
    const isThere = async (id: string) => (await records.builds.get(id)) !== undefined;
    const taken = await takeOrderKey(records, caller, key, made.id, made.createdAt, isThere);
    return taken.kind === "earlier" ? await records.builds.get(taken.subjectId) : undefined;
  }

  async #template(records: Records, { orgId }: Caller, name: string, at: number): Promise<TemplateRecord> {
    const known = await records.templates.find(orgId, name);
    if (known !== undefined) return known;
    if ((await records.templates.list(orgId)).length >= MAX_TEMPLATES)
      throw new FastvmError(
        "conflict",
        `there are ${MAX_TEMPLATES} templates, which is the most there may be`,
      );
    const template = { id: randomUUID(), orgId, name, createdAt: at, updatedAt: at };
    await records.templates.create(template);
    await this.#claim(records, template, name);
    return template;
  }

  async #claim(records: Records, { id, orgId }: TemplateRecord, name: string): Promise<void> {
    if (await records.templates.claim(orgId, name, id)) return;
    throw new FastvmError("conflict", "another template has that name", { field: "name" });
  }
}

/** As it is now; until the transaction ends nobody renames or deletes it. */
async function hold(records: Records, { orgId }: Caller, id: string): Promise<TemplateRecord> {
  await records.organisations.lock(orgId);
  const template = await records.templates.get(id);
  if (template === undefined) throw notFound("template", id, "template");
  return template;
}

function checkName(name: string): void {
  if (isTemplateName(name)) return;
  const rule = "must be small letters and digits with single `.`, `_` or `-` between them, at most 128";
  throw new FastvmError("invalid_request", `name ${rule}`, { field: "name" });
}

function checkTag(tag: string): void {
  if (isTemplateTag(tag)) return;
  const rule = "tag must be letters, digits, `_`, `.` and `-`, at most 128";
  throw new FastvmError("invalid_request", rule, { field: "tag" });
}
