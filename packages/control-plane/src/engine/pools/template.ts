/** What a pool's template means now. */
import { FastvmError, type OrgId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import { imageName } from "../vms/own-image.ts";

export type TemplateContext = Parts<"images" | "store">;

/** There is one base image; a new one is of a new daemon, whose launches take it by themselves. */
const BASE = "base";

/** The digest of its image. Rejects as the holder of images does when there is none such for the organisation. */
export async function resolveTemplate(
  { images, store }: TemplateContext,
  orgId: OrgId,
  template: string,
): Promise<string> {
  if (template === "") return BASE;
  if (images === undefined)
    throw new FastvmError("not_found", "this host keeps no images", { field: "image" });
  const [newest] = await store.builds.tagged(orgId, imageName(template));
  return (await images.inspect(newest?.imageReference ?? template, orgId)).digest;
}
