/** What a pool's template means now. */
import { FastvmError, type OrgId } from "@fastvm/contract";
import type { WarmPoolRecord } from "../../store/warm-pool-repository.ts";
import type { Parts } from "../context.ts";
import { imageName } from "../vms/own-image.ts";
import { meantTemplate } from "../vms/template-build.ts";

export type TemplateContext = Parts<"images" | "store">;

/** There is one base image; a new one is of a new daemon, whose launches take it by themselves. */
const BASE = "base";
/** Digests of images have another form. */
const IS_BUILD = /^[0-9a-f]{8}-/;

/**
 * The id of the template's build, else the digest of the image. Rejects as the holder of images does when there is none such for the
 * organisation.
 */
export async function resolveTemplate(
  { images, store }: TemplateContext,
  orgId: OrgId,
  template: string,
): Promise<string> {
  if (template === "") return BASE;
  if (images === undefined)
    throw new FastvmError("not_found", "this host keeps no images", { field: "image" });
  const meant = await meantTemplate({ store }, orgId, template);
  if (meant !== undefined) return meant.build.id;
  const [newest] = await store.builds.tagged(orgId, imageName(template));
  return (await images.inspect(newest?.imageReference ?? template, orgId)).digest;
}

/**
 * As the pool's machines are launched of it: of a template that build which the pool stands at, whatever tags mean meanwhile. `undefined`:
 * the base image.
 */
export function imageOfPool({
  template,
  resolved,
}: Pick<WarmPoolRecord, "template" | "resolved">): string | undefined {
  if (template === "") return undefined;
  return resolved !== null && IS_BUILD.test(resolved) ? `${template}@${resolved}` : template;
}

/** Whether a pool that follows no tag can still be filled with the build that it stands at. */
export async function isKept(
  ctx: Parts<"store">,
  { orgId, template, resolved }: Pick<WarmPoolRecord, "orgId" | "template" | "resolved">,
): Promise<boolean> {
  if (resolved === null || !IS_BUILD.test(resolved)) return false;
  return (await meantTemplate(ctx, orgId, `${template}@${resolved}`)) !== undefined;
}
