/** Images that an organisation has built itself go by names that are its own. Anything else is the worker's to know. */
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import type { LaunchOrder } from "./launch.ts";

const DEFAULT_TAG = /:latest$/;

/** As names of images are compared. */
export function imageName(name: string): string {
  return name.replace(DEFAULT_TAG, "");
}

/** The order, with what the worker calls the image. It is the same then whenever the VM is started, whatever is built meanwhile. */
export async function withOwnImage(
  ctx: Parts<"store">,
  { orgId }: Caller,
  order: LaunchOrder,
): Promise<LaunchOrder> {
  const { source } = order;
  if (source.kind !== "machine" || source.image === undefined) return order;
  const [newest] = await ctx.store.builds.tagged(orgId, imageName(source.image));
  const image = newest?.imageReference ?? source.image;
  return { ...order, source: { ...source, image } };
}
