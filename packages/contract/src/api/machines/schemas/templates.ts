/** Templates: what they are built of, their builds, and what refers to them. */
import { Type, type Static, type TSchema, type TUnsafe } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull, strings } from "./parts.ts";

const STEP_KINDS = [
  "run",
  "apt_install",
  "pip_install",
  "npm_install",
  "bun_install",
  "copy",
  "remove",
  "rename",
  "git_clone",
  "workdir",
  "user",
] as const;

/** A Dockerfile has as many lines at most as people read. */
const MAX_STEPS = 200;
const MAX_PACKAGES = 200;
const MAX_TEXT = 65_536;
const MAX_PATH = 1024;
/** As long as a host waits for what it makes a template of. */
const MAX_START_SEC = 600;
const MAX_TAG = 128;
/** Clients give up on an answer after a minute. */
const MAX_WAIT_MS = 30_000;

const path = (description: string) => Type.String({ minLength: 1, maxLength: MAX_PATH, description });

const StepSchema = Type.Object(
  {
    kind: oneOf(STEP_KINDS),
    command: maybe(
      Type.String({ minLength: 1, maxLength: MAX_TEXT, description: "Of `run`: for the shell." }),
    ),
    packages: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        minItems: 1,
        maxItems: MAX_PACKAGES,
        description: "Of `…_install`.",
      }),
    ),
    source: maybe(path("Of `copy`, in the context; of `rename`, in the image.")),
    destination: maybe(path("Of `copy` and `rename`, in the image.")),
    path: maybe(path("Of `remove`, `workdir` and `git_clone`, in the image.")),
    url: maybe(Type.String({ minLength: 1, maxLength: MAX_PATH, description: "Of `git_clone`." })),
    branch: maybe(
      Type.String({ minLength: 1, maxLength: 256, description: "Of `git_clone`; default: the remote's." }),
    ),
    name: maybe(
      Type.String({ minLength: 1, maxLength: 64, description: "Of `user`: for the steps behind it." }),
    ),
  },
  { ...CLOSED, title: "TemplateStep" },
);
export type TemplateStep = Static<typeof StepSchema>;

/** An object that `null` stands for too. */
function optional<T extends TSchema & { type: string }>(schema: T): TUnsafe<Static<T> | null | undefined> {
  return Type.Optional(orNull(schema));
}

const StartSchema = Type.Object(
  {
    command: Type.String({
      minLength: 1,
      maxLength: MAX_TEXT,
      description:
        "By the shell, as root, while the template is built: every machine begins where it had come to.",
    }),
    wait_for_port: maybe(
      Type.Integer({ minimum: 1, maximum: 65_535, description: "Ready once something listens there." }),
    ),
    wait_for_url: maybe(
      Type.String({ maxLength: MAX_PATH, description: "Ready once it answers with success." }),
    ),
    wait_for_command: maybe(
      Type.String({ minLength: 1, maxLength: MAX_TEXT, description: "Ready once it exits with 0." }),
    ),
    timeout_seconds: maybe(Type.Integer({ minimum: 1, maximum: MAX_START_SEC, description: "Default 60." })),
  },
  { ...CLOSED, title: "TemplateStart" },
);

const TemplateDefinitionSchema = Type.Object(
  {
    base_image: maybe(Type.String({ minLength: 1, maxLength: 512, description: "An image of a registry." })),
    base_template: maybe(
      Type.String({ minLength: 1, maxLength: 512, description: "Another template, as it is now." }),
    ),
    dockerfile: maybe(
      Type.String({ minLength: 1, maxLength: MAX_TEXT, description: "In place of a base; steps follow it." }),
    ),
    steps: Type.Optional(Type.Array(StepSchema, { maxItems: MAX_STEPS })),
    build_envs: maybe(strings("Variables of the steps, and of nothing later.")),
    runtime_envs: maybe(
      strings("Variables of every command in its machines, and in those of templates on top of it."),
    ),
    start: optional(StartSchema),
  },
  {
    ...CLOSED,
    title: "TemplateDefinition",
    description: "One of `base_image`, `base_template` and `dockerfile`.",
  },
);
export type TemplateDefinition = Static<typeof TemplateDefinitionSchema>;

const ResourcesSchema = Type.Object(
  {
    vcpus: maybe(Type.Integer({ minimum: 1, maximum: 64, description: "Default 1." })),
    memory_mb: maybe(
      Type.Integer({ minimum: 256, maximum: 1024 * 1024, multipleOf: 2, description: "As of a machine." }),
    ),
    disk_mb: maybe(Type.Integer({ minimum: 512, maximum: 131_072 })),
  },
  {
    ...CLOSED,
    title: "TemplateResources",
    description: "Of machines that say nothing else; it is built with them.",
  },
);

const tag = Type.String({ minLength: 1, maxLength: MAX_TAG, description: "Default `latest`." });
const name = Type.String({ minLength: 1, maxLength: 128 });
const contextId = Type.String({ minLength: 1, maxLength: 256, description: "Where `copy` copies from." });

export const CreateTemplateBodySchema = Type.Object(
  {
    name,
    tag: maybe(tag),
    definition: TemplateDefinitionSchema,
    resources: optional(ResourcesSchema),
    context_id: maybe(contextId),
    no_cache: maybe(Type.Boolean({ description: "Nothing of earlier builds is used. Default false." })),
  },
  { ...CLOSED, title: "CreateTemplateBody" },
);
export type CreateTemplateBody = Static<typeof CreateTemplateBodySchema>;

export const PlanTemplateBodySchema = Type.Object(
  { definition: TemplateDefinitionSchema },
  { ...CLOSED, title: "PlanTemplateBody" },
);

export const RetryBuildBodySchema = Type.Object(
  { context_id: maybe(contextId) },
  { ...CLOSED, title: "RetryBuildBody" },
);

export const RenameTemplateBodySchema = Type.Object({ name }, { ...CLOSED, title: "RenameTemplateBody" });
export const TemplateAliasBodySchema = Type.Object({ name }, { ...CLOSED, title: "TemplateAliasBody" });

export const PromoteBodySchema = Type.Object(
  { build_id: Type.String({ minLength: 1, maxLength: 64 }), tag: maybe(tag) },
  { ...CLOSED, title: "PromoteBody" },
);

export const LogsQuerySchema = Type.Object({
  offset: Type.Optional(
    Type.Integer({ minimum: 0, description: "Lines before it are left out. Default 0." }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: "Default 1000." })),
  wait_ms: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_WAIT_MS,
      description: "How long to wait for a line. Default 0.",
    }),
  ),
});

const TEMPLATE = {
  id: Type.String({ description: "`tpl_…`." }),
  name: Type.String(),
  canonical_ref: Type.String({ description: "Its name and the tag `latest`." }),
  aliases: Type.Array(Type.String(), { description: "Its other names." }),
  visibility: oneOf(["private"], "Nobody else sees it."),
  tags: Type.Array(
    Type.Object(
      {
        tag: Type.String(),
        build_id: Type.String(),
        promoted_at: instant("Since when it means that build."),
      },
      { title: "TemplateTag" },
    ),
  ),
  created_at: instant("When it was made."),
  updated_at: instant("When a name or a tag was changed last."),
};

export const TemplateSchema = Type.Object(TEMPLATE, { title: "Template" });
export type TemplateView = Static<typeof TemplateSchema>;
/** What `fields` may name. */
export const TEMPLATE_MASK = Object.keys(TEMPLATE) as readonly (keyof typeof TEMPLATE)[];
export const MaskedTemplateSchema = Type.Partial(Type.Object(TEMPLATE), { title: "MaskedTemplate" });

export const TemplateListSchema = Type.Object(
  { templates: Type.Array(Type.Union([TemplateSchema, MaskedTemplateSchema])) },
  { title: "TemplateList" },
);

export const TemplateBuildSchema = Type.Object(
  {
    id: Type.String({ description: "`tbd_…`." }),
    template_id: Type.String(),
    template: Type.String({ description: "Its name." }),
    tag: Type.String({
      description: "That means it once it is ready, unless that means a later one by then.",
    }),
    status: oneOf(["queued", "building", "ready", "failed", "cancelled"]),
    error: orNull(Type.String()),
    definition: Type.Unsafe<TemplateDefinition>({ type: "object", additionalProperties: true }),
    resources: Type.Object({ vcpus: Type.Integer(), memory_mb: Type.Integer(), disk_mb: Type.Integer() }),
    cache_summary: Type.Object({
      steps_ran: orNull(Type.Integer()),
      steps_cached: orNull(Type.Integer()),
    }),
    artifact_availability: oneOf(
      ["pending", "available", "unavailable"],
      "Whether machines can be made of it.",
    ),
    promotability: oneOf(["promotable", "not_ready", "not_retained"]),
    promoted_tags: Type.Array(Type.String(), { description: "That mean it now." }),
    created_at: instant("When it was ordered."),
    started_at: orNull(instant("When its turn came.")),
    finished_at: orNull(instant("When it ended.")),
  },
  { title: "TemplateBuild" },
);
export type TemplateBuildView = Static<typeof TemplateBuildSchema>;

export const TemplateBuildListSchema = Type.Object(
  { builds: Type.Array(TemplateBuildSchema) },
  { title: "TemplateBuildList" },
);

export const TemplateLogsSchema = Type.Object(
  {
    build_id: Type.String(),
    offset: Type.Integer(),
    next_offset: Type.Integer({ description: "Where it goes on." }),
    lines: Type.Array(Type.String()),
    status: oneOf(["queued", "building", "ready", "failed", "cancelled"]),
    complete: Type.Boolean({ description: "Nothing follows." }),
  },
  { title: "TemplateLogs" },
);

export const TemplatePlanSchema = Type.Object(
  { dockerfile: Type.String({ description: "What is built." }), needs_context: Type.Boolean() },
  { title: "TemplatePlan" },
);

export const TemplateContextSchema = Type.Object(
  {
    context_id: Type.String(),
    upload_url: Type.String({ description: "Takes a tar.gz or a zip, by PUT, without a key." }),
    expires_in_seconds: Type.Integer(),
    max_bytes: Type.Integer(),
  },
  { title: "TemplateContext" },
);

export const DeletedTemplateSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "DeletedTemplate" },
);
