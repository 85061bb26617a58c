/** The image that a build made goes. */
import { FastvmError } from "@fastvm/contract";
import type { BuildRecord } from "../../store/build-repository.ts";
import type { Parts } from "../context.ts";

/** Its own one. What was pulled belongs to the host, and may be others' too. */
export async function removeImage(ctx: Parts<"images">, build: BuildRecord): Promise<void> {
  if (build.source.kind === "image" || build.imageReference === null) return;
  try {
    await ctx.images?.remove(build.imageReference, build.orgId);
  } catch (error) {
    if (!(error instanceof FastvmError && error.code === "not_found")) throw error;
  }
}
