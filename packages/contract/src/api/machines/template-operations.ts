/** Operations on templates and their builds. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { EmptyBodySchema } from "./schemas/create.ts";
import {
  CreateTemplateBodySchema,
  DeletedTemplateSchema,
  LogsQuerySchema,
  MaskedTemplateSchema,
  PlanTemplateBodySchema,
  PromoteBodySchema,
  RenameTemplateBodySchema,
  RetryBuildBodySchema,
  TemplateAliasBodySchema,
  TemplateBuildListSchema,
  TemplateBuildSchema,
  TemplateContextSchema,
  TemplateListSchema,
  TemplateLogsSchema,
  TemplatePlanSchema,
  TemplateSchema,
} from "./schemas/templates.ts";

const TEMPLATES = "/v1/templates";
/** By name, by another name, or by id. */
const TEMPLATE = `${TEMPLATES}/{templateRef}`;
const BUILD = "/v1/template-builds/{buildId}";

const fields = Type.Object({
  fields: Type.Optional(
    Type.String({ description: "Names of fields, separated by commas: the answer has these and no others." }),
  ),
});

export const TEMPLATE_OPERATIONS = {
  createTemplate: {
    method: "POST",
    path: TEMPLATES,
    tag: "Templates",
    summary: "Begin a build of a template, which is made if there is none of that name",
    description:
      "The build goes on by itself. Its start command runs while it is built, before the capture; the tag means it once it is ready.",
    body: CreateTemplateBodySchema,
    responses: { 201: TemplateBuildSchema },
    errors: ["quota_exceeded"],
  },
  planTemplate: {
    method: "POST",
    path: "/v1/template-plans",
    tag: "Templates",
    summary: "Check a definition, and see what would be built",
    body: PlanTemplateBodySchema,
    responses: { 200: TemplatePlanSchema },
    errors: [],
  },
  createTemplateContext: {
    method: "POST",
    path: "/v1/template-contexts",
    tag: "Templates",
    summary: "A place for what a build copies from",
    body: EmptyBodySchema,
    responses: { 200: TemplateContextSchema },
    errors: [],
  },
  listTemplates: {
    method: "GET",
    path: TEMPLATES,
    tag: "Templates",
    summary: "List templates, newest first",
    query: fields,
    responses: { 200: TemplateListSchema },
    errors: [],
  },
  getTemplate: {
    method: "GET",
    path: TEMPLATE,
    tag: "Templates",
    summary: "Read a template with its names and tags",
    query: fields,
    responses: { 200: Type.Union([TemplateSchema, MaskedTemplateSchema]) },
    errors: [],
  },
  renameTemplate: {
    method: "PATCH",
    path: TEMPLATE,
    tag: "Templates",
    summary: "Rename a template; its old name is free again",
    body: RenameTemplateBodySchema,
    responses: { 200: TemplateSchema },
    errors: [],
  },
  deleteTemplate: {
    method: "DELETE",
    path: TEMPLATE,
    tag: "Templates",
    summary: "Delete a template with its builds; machines of it stay",
    responses: { 200: DeletedTemplateSchema },
    errors: [],
  },
  addTemplateAlias: {
    method: "POST",
    path: `${TEMPLATE}/aliases`,
    tag: "Templates",
    summary: "Give a template another name beside its own",
    body: TemplateAliasBodySchema,
    responses: { 200: TemplateSchema },
    errors: [],
  },
  removeTemplateAlias: {
    method: "DELETE",
    path: `${TEMPLATE}/aliases/{alias}`,
    tag: "Templates",
    summary: "Take such a name away",
    responses: { 200: TemplateSchema },
    errors: [],
  },
  promoteTemplateBuild: {
    method: "POST",
    path: `${TEMPLATE}/promote`,
    tag: "Templates",
    summary: "Let a tag mean another build; warm pools that follow it do too",
    body: PromoteBodySchema,
    responses: { 200: TemplateSchema },
    errors: [],
  },
  listTemplateBuilds: {
    method: "GET",
    path: `${TEMPLATE}/builds`,
    tag: "Templates",
    summary: "List builds of a template, newest first",
    responses: { 200: TemplateBuildListSchema },
    errors: [],
  },
  getTemplateBuild: {
    method: "GET",
    path: BUILD,
    tag: "Templates",
    summary: "Read a build",
    responses: { 200: TemplateBuildSchema },
    errors: [],
  },
  getTemplateBuildLogs: {
    method: "GET",
    path: `${BUILD}/logs`,
    tag: "Templates",
    summary: "Read what a build printed, from a line on",
    description:
      "With `wait_ms` it is answered when there is a line or the build has ended: whoever asks again from `next_offset` follows it.",
    query: LogsQuerySchema,
    responses: { 200: TemplateLogsSchema },
    errors: [],
  },
  cancelTemplateBuild: {
    method: "POST",
    path: `${BUILD}/cancel`,
    tag: "Templates",
    summary: "End a build; nothing happens to one that has ended",
    body: EmptyBodySchema,
    responses: { 200: TemplateBuildSchema },
    errors: [],
  },
  retryTemplateBuild: {
    method: "POST",
    path: `${BUILD}/retry`,
    tag: "Templates",
    summary: "Begin a build of the same definition",
    description: "What it copies from is sent anew.",
    body: RetryBuildBodySchema,
    responses: { 201: TemplateBuildSchema },
    errors: ["quota_exceeded"],
  },
} as const satisfies Record<string, Operation>;
