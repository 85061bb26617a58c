/** Templates and images that an organisation has built itself go by names that are its own. Any other image is its holder's to know. */
import { FastvmError, type OrgId } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import type { LaunchOrder } from "./launch.ts";
import { meantTemplate } from "./template-build.ts";

const DEFAULT_TAG = /:latest$/;

/** As names of images are compared. */
export function imageName(name: string): string {
  return name.replace(DEFAULT_TAG, "");
}

/**
 * The order, with what the worker calls the image. It is the same then whenever the VM is started, whatever is built meanwhile. Rejects as
 * the holder does when it has none such for the caller: a launch that is refused later leaves a VM in `error`.
 */
export async function withOwnImage(
  ctx: Parts<"images" | "store">,
  { orgId }: Caller,
  order: LaunchOrder,
): Promise<LaunchOrder> {
  const { source } = order;
  if (source.kind !== "machine" || source.image === undefined) return order;
  const meant = await meantTemplate(ctx, orgId, source.image);
  const [newest] = meant === undefined ? await ctx.store.builds.tagged(orgId, imageName(source.image)) : [];
  const image = (meant?.build ?? newest)?.imageReference ?? source.image;
  await assertIsHere(ctx, orgId, image);
  const settings = meant === undefined ? order.settings : { ...order.settings, templateRef: meant.ref };
  return { ...order, source: { ...source, image }, settings };
}

async function assertIsHere({ images }: Parts<"images">, orgId: OrgId, image: string): Promise<void> {
  if (images === undefined)
    throw new FastvmError("not_found", "this host keeps no images", { field: "image" });
  try {
    await images.inspect(image, orgId);
  } catch (error) {
    if (!(error instanceof FastvmError)) throw error;
    throw new FastvmError(error.code, error.detail, { field: "image", cause: error });
  }
}
