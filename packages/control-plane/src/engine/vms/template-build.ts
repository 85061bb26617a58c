/**
 * What the reference of a template means now:
 *
 *     app            what its tag `latest` means
 *     app:v2         what that tag means
 *     app@<uuid>     that build, whatever its tags mean by now
 *
 * In place of a name there may be another name of the template, or its id.
 */
import type { OrgId } from "@fastvm/contract";
import type { BuildRecord } from "../../store/build-repository.ts";
import type { TemplateRecord } from "../../store/template-repository.ts";
import type { Parts } from "../context.ts";

export const DEFAULT_TEMPLATE_TAG = "latest";

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const BUILD = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MAX_NAME_LENGTH = 128;

interface TemplateReference {
  readonly name: string;
  readonly tag: string;
  readonly buildId: string | undefined;
}

export interface MeantTemplate {
  readonly template: TemplateRecord;
  readonly build: BuildRecord;
  /** By its first name; the tag `latest` goes without saying. */
  readonly ref: string;
}

export function isTemplateName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && NAME.test(text);
}

export function isTemplateTag(text: string): boolean {
  return TAG.test(text);
}

/** `undefined`: it can be none of a template's. */
function parseTemplateReference(text: string): TemplateReference | undefined {
  const [rest = "", buildId, ...more] = text.split("@");
  const [name = "", tag = DEFAULT_TEMPLATE_TAG, ...others] = rest.split(":");
  if (more.length > 0 || others.length > 0 || !isTemplateName(name) || !isTemplateTag(tag)) return undefined;
  return buildId === undefined || BUILD.test(buildId) ? { name, tag, buildId } : undefined;
}

/** By which the image of a template's build is found, also as the base of another. */
export function imageTagOf(buildId: string): string {
  return `template/${buildId}`;
}

/** `undefined`: the organisation has no such template, or no build of it that the reference means. */
export async function meantTemplate(
  { store }: Parts<"store">,
  orgId: OrgId,
  reference: string,
): Promise<MeantTemplate | undefined> {
  const parsed = parseTemplateReference(reference);
  if (parsed === undefined) return undefined;
  const template = await store.templates.find(orgId, parsed.name);
  if (template === undefined) return undefined;
  const buildId = await meantBuild(store, template, parsed);
  const build = buildId === undefined ? undefined : await store.builds.get(buildId);
  // The image of one that is kept no longer is gone.
  if (build?.status !== "succeeded" || build.imageReference === null) return undefined;
  const suffix = parsed.tag === DEFAULT_TEMPLATE_TAG ? "" : `:${parsed.tag}`;
  return { template, build, ref: template.name + suffix };
}

async function meantBuild(
  store: Parts<"store">["store"],
  { id }: TemplateRecord,
  { tag, buildId }: TemplateReference,
): Promise<string | undefined> {
  if (buildId === undefined)
    return (await store.templates.tags(id)).find((each) => each.tag === tag)?.buildId;
  return (await store.templates.build(buildId))?.templateId === id ? buildId : undefined;
}
